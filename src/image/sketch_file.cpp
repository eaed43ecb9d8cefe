#include "image/sketch_file.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::image {
namespace {

int open_nameless(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  std::string name = (folder / new_file_prefix).string() + "XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

Result<std::unique_ptr<SketchFile>> SketchFile::open(const std::filesystem::path& folder) {
  const int file = open_nameless(folder);
  if (file < 0) return fail(system_error("cannot make a file for sketches", folder, errno));
  return std::make_unique<SketchFile>(file, folder);
}

Result<void> SketchFile::add(const PixelSketch& sketch) {
  HOLISAFE_CHECK(write_fully(file_.get(), {reinterpret_cast<const char*>(&sketch), sizeof sketch}, folder_,
                             "cannot keep sketch"));
  ++size_;
  return {};
}

Result<PixelSketch> SketchFile::at(std::size_t number) const {
  PixelSketch out;
  std::size_t filled = 0;
  while (filled < sizeof out) {
    const ssize_t got = ::pread(file_.get(), reinterpret_cast<char*>(&out) + filled, sizeof out - filled,
                                static_cast<off_t>(number * sizeof out + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("cannot read sketch", folder_, errno));
    if (got == 0)
      return fail(ErrorKind::truncated, "cannot read sketch", folder_.string(), std::to_string(number));
    filled += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace holisafe::image
