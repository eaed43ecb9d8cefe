// The rows of a file a few at a time, in memory that does not grow with the file.
//
//   HOLISAFE_TRY(RowStream stream, RowStream::open(path));
//   while (true) {
//     HOLISAFE_TRY(const std::optional<RowFile> rows, stream.next_rows(256));
//     if (!rows) break;
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/input_file.h"
#include "base/result.h"
#include "dataset/rows.h"

namespace holisafe::dataset {

/// Cuts a file into its values: one JSON array of them, or values with line ends between them (JSON Lines),
/// as the first byte says; with or without a byte order mark. What InputFile reads: `-` and pipes too.
/// Movable; one thread at a time.
class RowStream {
 public:
  /// Errors: those of InputFile::open(); unsupported (UTF-16, UTF-32).
  static Result<RowStream> open(const std::filesystem::path& path);
  static Result<RowStream> open(InputFile file);

  /// The next values, at most `most`, as a JSON array of their own; an empty string after the last one. Their
  /// own grammar is left to whoever parses them. Errors: io; malformed, truncated with the line where values
  /// stand in lines, else with the byte offset; too_large (a value over 64 MiB).
  Result<std::string> next(std::size_t most);

  /// The same, parsed; nothing after the last one. Errors: also those of RowFile::parse(), with the place in
  /// this file.
  Result<std::optional<RowFile>> next_rows(std::size_t most);

  /// Begins anew.
  void rewind();

  /// Whether the values stand in lines.
  [[nodiscard]] bool in_lines() const;
  /// The line, from 1, in which a value of the last piece begins; counted from 0 in it.
  [[nodiscard]] std::uint64_t line(std::size_t value) const;
  [[nodiscard]] const InputFile& file() const;

 private:
  struct Source;
  explicit RowStream(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  std::shared_ptr<Source> source_;
};

}  // namespace holisafe::dataset
