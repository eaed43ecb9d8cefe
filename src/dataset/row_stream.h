// The rows of a large file a few at a time, in memory that does not grow with the file.
//
//   HOLISAFE_TRY(RowStream stream, RowStream::open(path));
//   while (true) {
//     HOLISAFE_TRY(std::string rows, stream.next(256));
//     if (rows.empty()) break;
//     HOLISAFE_TRY(const RowFile file, RowFile::parse(std::move(rows), path));
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace holisafe::dataset {

/// What a file of rows may look like.
enum class RowLayout {
  array,           ///< one JSON array
  array_or_lines,  ///< or values with line ends between them (JSON Lines)
};

/// Cuts a file into its values, whose own grammar is left to whoever parses them. Movable; one thread at a
/// time.
class RowStream {
 public:
  /// Errors: not_found, not_a_file, permission, io.
  static Result<RowStream> open(const std::filesystem::path& path, RowLayout layout = RowLayout::array);

  /// The next values, at most `most`, as a JSON array of their own; an empty string after the last one.
  /// Errors: io; malformed, truncated with the byte offset; too_large (a value over 64 MiB). RowFile::open
  /// says more about what is wrong with such a file.
  Result<std::string> next(std::size_t most);

  /// Whether the values stand in lines; known from the first call of next() on.
  [[nodiscard]] bool in_lines() const;

 private:
  struct Source;
  explicit RowStream(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  std::shared_ptr<Source> source_;
};

}  // namespace holisafe::dataset
