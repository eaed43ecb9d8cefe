#include "sources/row_source.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/lfs_pointer.h"
#include "dataset/row_text.h"
#include "sources/parquet.h"
#include "sources/row_forms.h"

namespace holisafe::sources {
namespace {

constexpr std::string_view parquet_magic = "PAR1";

}  // namespace

Result<std::string> RowSource::picture(std::uint64_t row, std::string_view column) {
  return fail(ErrorKind::missing, "no such picture",
              fmt::format("{}: row {}: {}", file().string(), row + 1, column),
              "expected a row and a column with a picture, found none");
}

Result<std::unique_ptr<RowSource>> open_rows(const std::filesystem::path& file, const RowOptions& options) {
  HOLISAFE_TRY(auto input, InputFile::open(file));
  return open_rows(std::move(input), options);
}

Result<std::unique_ptr<RowSource>> open_rows(InputFile file, const RowOptions& options) {
  constexpr std::size_t start_bytes = 128;
  std::array<char, start_bytes> buffer{};
  HOLISAFE_TRY(const std::size_t got, file.read(buffer.data(), buffer.size(), 0));
  const std::string_view start(buffer.data(), got);
  const bool parquet = start.starts_with(parquet_magic);
  if (file.path().extension() == ".parquet" && !parquet) {
    const std::string name = file.path().string();
    if (is_lfs_pointer(start))
      return fail(ErrorKind::malformed, "cannot read Parquet", name, lfs_pointer_words);
    return fail(ErrorKind::malformed, "cannot read Parquet", name,
                fmt::format("expected {} at its beginning, found {}", parquet_magic,
                            got == 0 ? "an empty file"
                                     : fmt::format("\"{}\"", excerpt(one_line(start.substr(0, 4)), 16))));
  }
  if (parquet) return open_parquet(std::move(file), options);
  HOLISAFE_TRY(const bool json, dataset::holds_json_rows(file));
  return json ? open_json(std::move(file)) : open_table(std::move(file), options);
}

std::string picture_name(std::string_view file, std::uint64_t row, std::string_view column) {
  return fmt::format("{}#{}/{}", file, row, column);
}

std::optional<PicturePlace> parse_picture_name(std::string_view name) {
  const auto hash = name.rfind('#');
  if (hash == std::string_view::npos || hash == 0) return std::nullopt;
  const auto slash = name.find('/', hash);
  if (slash == std::string_view::npos || slash + 1 == name.size()) return std::nullopt;
  PicturePlace out{name.substr(0, hash), 0, name.substr(slash + 1)};
  const auto* const end = name.data() + slash;
  const auto [stop, code] = std::from_chars(name.data() + hash + 1, end, out.row);
  if (code != std::errc() || stop != end) return std::nullopt;
  return out;
}

}  // namespace holisafe::sources
