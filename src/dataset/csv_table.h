// CSV whose first record is a head: every record has a cell for each of its names.
//
//   HOLISAFE_TRY(CsvTable table, CsvTable::open(std::move(file)));
//   while (true) {
//     HOLISAFE_TRY(const bool found, table.next());
//     if (!found) break;
//     use(table.names()[0], table.cell(0));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dataset/csv.h"

namespace holisafe::dataset {

/// Movable; one thread at a time.
class CsvTable {
 public:
  /// Reads the head. Errors: those of CsvReader; missing (an empty file).
  static Result<CsvTable> open(InputFile file, char separator = ',');

  /// The head's names in their order, without white space around them; they may repeat.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// What is wrong with a head in which a name stands twice, before the first row.
  [[nodiscard]] Error twice(std::string_view name) const;

  /// Moves to the next row; false after the last. Errors: those of CsvReader; malformed (a record with
  /// another number of cells than the head).
  Result<bool> next();
  /// Begins anew, before the first row.
  void rewind();

  [[nodiscard]] std::string_view cell(std::size_t number) const { return table_.cell(number); }
  /// Rows read so far.
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  /// The line, from 1, in which the row begins.
  [[nodiscard]] std::uint64_t line() const { return table_.line(); }
  /// Where a field of the row stands: "FILE: line 4 (row 3): prediction".
  [[nodiscard]] std::string where(std::string_view field) const;
  [[nodiscard]] const InputFile& file() const { return table_.file(); }

 private:
  explicit CsvTable(CsvReader table) : table_(std::move(table)) {}

  CsvReader table_;
  std::vector<std::string> names_;
  std::uint64_t rows_ = 0;
};

}  // namespace holisafe::dataset
