#include "runs/fingerprint.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"

namespace holisafe::runs {
namespace {

constexpr std::size_t whole_up_to = std::size_t{16} << 20U;
constexpr std::size_t end_bytes = std::size_t{1} << 20U;
constexpr std::size_t places = 1000;
constexpr std::size_t place_bytes = 4096;

Result<void> add_file(const std::filesystem::path& path, Sha256& hash) {
  std::error_code code;
  if (std::filesystem::file_size(path, code) == 0 && !code) return {};  // nothing to map
  HOLISAFE_TRY(const MappedFile file, MappedFile::open(path));
  const std::string_view text = file.text();
  hash.update(fmt::format("{}\n", text.size()));
  if (text.size() <= whole_up_to) {
    hash.update(text);
    return {};
  }
  hash.update(text.substr(0, end_bytes));
  const std::size_t step = (text.size() - 2 * end_bytes) / places;
  for (std::size_t place = 0; place < places; ++place)
    hash.update(text.substr(end_bytes + place * step, place_bytes));
  hash.update(text.substr(text.size() - end_bytes));
  return {};
}

}  // namespace

Result<std::string> fingerprint(const std::filesystem::path& path) {
  Sha256 hash;
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) {
    HOLISAFE_CHECK(add_file(path, hash));
    return hex(hash.finish());
  }
  std::vector<std::filesystem::path> files;
  for (auto each = std::filesystem::directory_iterator(path, code);
       !code && each != std::filesystem::directory_iterator(); each.increment(code)) {
    std::error_code type_code;
    if (each->is_regular_file(type_code) && !each->path().filename().string().starts_with("."))
      files.push_back(each->path());
  }
  if (code) return fail(system_error("cannot read", path, code.value()));
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    hash.update(file.filename().string() + "\n");
    HOLISAFE_CHECK(add_file(file, hash));
  }
  return hex(hash.finish());
}

}  // namespace holisafe::runs
