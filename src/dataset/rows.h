// Rows of HoliSafe-Bench's files: one JSON array of objects (holisafe_bench.json, and prediction files, which
// add `prediction`). Any key order; other fields are let through.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/input_file.h"
#include "base/result.h"

namespace holisafe::dataset {

/// Name of the benchmark's JSON file inside its folder, beside images/.
inline constexpr std::string_view bench_file_name = "holisafe_bench.json";

/// One row. Views are valid while the RowFile lives. A field is nothing where it is absent or null, or where
/// its value is of another kind than it must be (then `problems` says so).
struct Row {
  std::size_t index = 0;  ///< from 0
  std::string id;         ///< the integer's digits, or the string
  bool id_is_string = false;
  std::optional<std::string_view> image;
  std::optional<std::string_view> query;
  std::optional<std::string_view> type;
  std::optional<std::string_view> category;
  std::optional<std::string_view> subcategory;
  std::optional<std::string_view> prediction;
  std::optional<bool> image_safe;
  std::optional<std::int64_t> image_safety_label;

  struct Problem {
    std::string_view field;  ///< in the file's text, or of static lifetime
    Error error;
  };
  /// Fields of a wrong kind and fields that stand twice, also such as are let through; a missing or null id.
  /// Other absent fields are no problem here: what is required depends on the use.
  std::vector<Problem> problems;

  /// Where an error or warning about a field of this row is: "FILE: row 4 (index 3), id 17: field".
  [[nodiscard]] std::string where(std::string_view file, std::string_view field) const;
};

/// A parsed file. Movable; thread-safe to read.
class RowFile {
 public:
  /// Of what is no file on disk.
  static constexpr std::uint64_t most_piped_bytes = std::uint64_t{256} << 20U;

  /// Reads and parses a whole file, an array or objects in lines, as InputFile reads it; what is no file on
  /// disk up to 256 MiB. Errors: those of InputFile; malformed, truncated, invalid_utf8, too_large (nesting)
  /// with the byte offset or line; unsupported (UTF-16); wrong_type (not an array); missing (an empty file or
  /// array). Half a surrogate pair (`"\ud800"`), which Python writes, is read as U+FFFD, a byte order mark
  /// passed over; numbers beyond 64 bits are out_of_range. The buffers of `spare`, a file no longer used,
  /// serve again if no copy of it is left.
  static Result<RowFile> open(const std::string& path, RowFile spare = {});
  static Result<RowFile> open(const InputFile& file, RowFile spare = {});
  /// The same from memory, an array alone; `name` stands in errors.
  static Result<RowFile> parse(std::string text, std::string name);

  /// Each row's text in the file, from the first to the last byte of its value, in order.
  [[nodiscard]] std::vector<std::string_view> row_texts() const;

  /// The text that was parsed.
  [[nodiscard]] std::string_view text() const;
  /// SHA-256 of the file's own bytes, which may be others.
  [[nodiscard]] Digest sha256() const;
  [[nodiscard]] const std::string& name() const;

  /// Calls `visit` with each row in order until it fails, and returns its error. Fails by itself with
  /// wrong_type at a row that is no object.
  Result<void> for_each(const std::function<Result<void>(const Row&)>& visit) const;

 private:
  friend struct RowElements;
  struct Content;
  static std::shared_ptr<Content> take_buffers(RowFile spare);
  static Result<RowFile> open_lines(const InputFile& file);
  static Result<RowFile> parse(std::shared_ptr<Content> content, std::string name);
  std::shared_ptr<Content> content_;
};

/// A field of a row as it stands in the file: both parts are JSON text, the key with its quotes.
struct RawField {
  std::string_view key;
  std::string_view value;
};

/// The fields of an object in source order, for writing it back with the same keys in the same order. Errors:
/// malformed, truncated, invalid_utf8, too_large with the byte; wrong_type (no object).
Result<std::vector<RawField>> raw_fields(std::string_view json);

/// The string that stands under `key` in a row's text; empty where there is none, no string, or no JSON.
std::string string_field(std::string_view json, std::string_view key);

}  // namespace holisafe::dataset
