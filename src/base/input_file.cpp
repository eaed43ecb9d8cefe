#include "base/input_file.h"

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace holisafe {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10U;

std::shared_ptr<const int> owned(int file) {
  return {new int(file), [](const int* each) {
            ::close(*each);
            delete each;
          }};
}

/// A file of the temporary folder without a name.
int open_unnamed() {
  std::error_code code;
  auto folder = std::filesystem::temp_directory_path(code);
  if (code) folder = "/tmp";
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  std::string name = (folder / "holisafe.XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

/// Copies all that comes.
Result<std::shared_ptr<const int>> kept(int from, const std::filesystem::path& path, std::uint64_t most) {
  auto to = owned(open_unnamed());
  if (*to < 0) return fail(system_error("cannot keep what is read", path, errno));
  std::vector<char> buffer(buffer_bytes);
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("cannot read", path, errno));
    if (got == 0) return to;
    total += static_cast<std::uint64_t>(got);
    if (total > most) {
      return fail(ErrorKind::too_large, "cannot read", path.string(),
                  fmt::format("expected at most {} bytes of what is no file on disk, found more", most));
    }
    HOLISAFE_CHECK(
        write_fully(*to, {buffer.data(), static_cast<std::size_t>(got)}, path, "cannot keep what is read"));
  }
}

}  // namespace

Result<InputFile> InputFile::open(const std::filesystem::path& path, std::uint64_t most_piped) {
  InputFile out(path);
  const bool standard = path == "-";
  out.file_ = owned(standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status {};
  if (*out.file_ < 0 || ::fstat(*out.file_, &status) != 0)
    return fail(system_error("cannot read", path, errno));
  if (S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
    return fail(ErrorKind::not_a_file, "cannot read", path.string(),
                std::string("expected a file or a pipe, found a ") +
                    (S_ISDIR(status.st_mode) ? "directory" : "disk"));
  // Of a file on standard input a part may have been read.
  const bool whole = !standard || ::lseek(*out.file_, 0, SEEK_CUR) == 0;
  out.on_disk_ = S_ISREG(status.st_mode) && !standard;
  if (S_ISREG(status.st_mode) && whole) return out;
  HOLISAFE_TRY(out.file_, kept(*out.file_, path, most_piped));
  return out;
}

Result<InputFile> InputFile::made(const std::filesystem::path& path,
                                  const std::function<Result<void>(const WritePiece&)>& write) {
  InputFile out(path);
  out.on_disk_ = false;
  out.file_ = owned(open_unnamed());
  if (*out.file_ < 0) return fail(system_error("cannot keep what is read", path, errno));
  std::string buffer;
  const auto flush = [&]() -> Result<void> {
    HOLISAFE_CHECK(write_fully(*out.file_, buffer, path, "cannot keep what is read"));
    buffer.clear();
    return {};
  };
  HOLISAFE_CHECK(write([&](std::string_view piece) -> Result<void> {
    buffer += piece;
    return buffer.size() < buffer_bytes ? Result<void>() : flush();
  }));
  HOLISAFE_CHECK(flush());
  return out;
}

std::filesystem::path InputFile::open_path() const {
  return on_disk_ ? path_ : std::filesystem::path(fmt::format("/proc/self/fd/{}", *file_));
}

Result<std::size_t> InputFile::read(char* out, std::size_t size, std::uint64_t offset) const {
  while (true) {
    const ssize_t got = ::pread(*file_, out, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail(system_error("cannot read", path_, errno));
  }
}

Result<void> InputFile::read_all(std::string& out, std::uint64_t max_bytes) const {
  struct stat status {};
  if (::fstat(*file_, &status) != 0) return fail(system_error("cannot read", path_, errno));
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes > max_bytes) {
    return fail(ErrorKind::too_large, "cannot read", path_.string(),
                fmt::format("expected at most {} bytes, found {}", max_bytes, bytes));
  }
  constexpr std::size_t room = 64;  // parsers read a little ahead
  if (out.capacity() < bytes + room) {
    out.clear();
    out.reserve(bytes + room);
  }
  out.resize(bytes);
  std::size_t filled = 0;
  while (filled < out.size()) {
    HOLISAFE_TRY(const std::size_t got, read(out.data() + filled, out.size() - filled, filled));
    if (got == 0) break;
    filled += got;
  }
  out.resize(filled);
  return {};
}

Result<Digest> InputFile::sha256() const {
  Sha256 hash;
  std::vector<char> buffer(buffer_bytes);
  for (std::uint64_t offset = 0;;) {
    HOLISAFE_TRY(const std::size_t got, read(buffer.data(), buffer.size(), offset));
    if (got == 0) return hash.finish();
    hash.update({buffer.data(), got});
    offset += got;
  }
}

std::filesystem::path folder_beside(const std::filesystem::path& input) {
  const std::string name = input.string();
  const bool stream = name == "-" || name.starts_with("/dev/") || name.starts_with("/proc/");
  const auto folder = input.parent_path();
  return stream || folder.empty() ? "." : folder;
}

}  // namespace holisafe
