// CSV as RFC 4180 has it, a record at a time, in memory that does not grow with the file: commas (or tabs)
// between cells; a cell that holds commas, quotes or line ends stands in quotes, its own quotes doubled.
//
//   HOLISAFE_TRY(CsvReader table, CsvReader::open(std::move(file)));
//   while (true) {
//     HOLISAFE_TRY(const bool found, table.next());
//     if (!found) break;
//     use(table.cell(0));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/input_file.h"
#include "base/result.h"

namespace holisafe::dataset {

/// Movable; one thread at a time.
class CsvReader {
 public:
  static constexpr std::size_t most_record_bytes = std::size_t{64} << 20U;
  static constexpr std::size_t most_cells = 16'384;

  /// Passes over a byte order mark. Errors: io; unsupported (UTF-16, UTF-32).
  static Result<CsvReader> open(InputFile file, char separator = ',');

  /// Moves to the next record; false after the last. Records end at LF, CRLF or CR; lines with nothing in
  /// them are passed over. Errors, with the line: malformed (a NUL; a quote inside a cell that does not begin
  /// with one; text behind a closing quote), truncated (a quote that is not closed, with the line where it
  /// opens), invalid_utf8, too_large (a record); io.
  Result<bool> next();

  [[nodiscard]] std::size_t cells() const;
  /// Its text, without quotes around it; valid until the next record.
  [[nodiscard]] std::string_view cell(std::size_t number) const;
  /// The line, from 1, in which the record begins.
  [[nodiscard]] std::uint64_t line() const;
  [[nodiscard]] const InputFile& file() const;

  /// Begins anew.
  void rewind();

 private:
  struct Source;
  explicit CsvReader(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  std::shared_ptr<Source> source_;
};

}  // namespace holisafe::dataset
