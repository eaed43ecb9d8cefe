#include "checkpoint/fingerprint.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"

namespace holisafe::checkpoint {
namespace {

constexpr std::size_t whole_up_to = std::size_t{16} << 20U;
constexpr std::size_t end_bytes = std::size_t{1} << 20U;
constexpr std::size_t places = 1000;
constexpr std::size_t place_bytes = 4096;

void add_bytes(std::string_view bytes, Sha256& hash) {
  hash.update(fmt::format("{}\n", bytes.size()));
  if (bytes.size() <= whole_up_to) {
    hash.update(bytes);
    return;
  }
  hash.update(bytes.substr(0, end_bytes));
  const std::size_t step = (bytes.size() - 2 * end_bytes) / places;
  for (std::size_t place = 0; place < places; ++place)
    hash.update(bytes.substr(end_bytes + place * step, place_bytes));
  hash.update(bytes.substr(bytes.size() - end_bytes));
}

Result<void> add_file(const std::filesystem::path& path, Sha256& hash) {
  std::error_code code;
  if (std::filesystem::file_size(path, code) == 0 && !code) return {};  // nothing to map
  HOLISAFE_TRY(const MappedFile file, MappedFile::open(path));
  add_bytes(file.text(), hash);
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

std::string fingerprint(const std::map<std::string, std::string_view>& parts) {
  Sha256 hash;
  for (const auto& [name, bytes] : parts) {
    hash.update(name + "\n");
    add_bytes(bytes, hash);
  }
  return hex(hash.finish());
}

}  // namespace holisafe::checkpoint
