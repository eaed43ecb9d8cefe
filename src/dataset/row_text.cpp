#include "dataset/row_text.h"

#include <array>

#include <fmt/format.h>

#include "base/lfs_pointer.h"
#include "base/text.h"

namespace holisafe::dataset {

Result<void> check_encoding(std::string_view start, const std::string& name) {
  using namespace std::string_view_literals;
  if (is_lfs_pointer(start)) return fail(ErrorKind::malformed, "cannot read JSON", name, lfs_pointer_words);
  std::string_view found;
  if (start.starts_with("\x1f\x8b"sv)) found = "gzip";
  if (start.starts_with("PAR1"sv)) found = "Parquet";
  if (start.starts_with("\xff\xfe"sv) || start.starts_with("\xfe\xff"sv)) found = "UTF-16";
  // The first character of rows is ASCII: without a mark, its other bytes are NUL.
  if (start.size() >= 2 && (start[0] == '\0') != (start[1] == '\0')) found = "UTF-16";
  if (start.starts_with("\xff\xfe\0\0"sv) || start.starts_with("\0\0\xfe\xff"sv) ||
      start.starts_with("\0\0\0["sv) || start.starts_with("[\0\0\0"sv) || start.starts_with("{\0\0\0"sv))
    found = "UTF-32";
  if (found.empty()) return {};
  return fail(ErrorKind::unsupported, "cannot read JSON", name,
              fmt::format("expected UTF-8, found {}", found));
}

std::size_t mark_bytes(std::string_view start) {
  return start.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
}

Result<bool> holds_json_rows(const InputFile& file) {
  std::array<char, 4096> buffer{};
  std::uint64_t offset = 0;
  while (true) {
    HOLISAFE_TRY(const std::size_t got, file.read(buffer.data(), buffer.size(), offset));
    if (got == 0) return false;
    std::string_view start(buffer.data(), got);
    if (offset == 0) {
      HOLISAFE_CHECK(check_encoding(start, file.path().string()));
      start.remove_prefix(mark_bytes(start));
    }
    if (const auto at = start.find_first_not_of(" \t\r\n"); at != std::string_view::npos)
      return start[at] == '[' || start[at] == '{';
    offset += got;
  }
}

}  // namespace holisafe::dataset
