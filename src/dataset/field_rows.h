// Some fields of the rows of a file in any form that rows come in: a JSON array, JSON lines, or CSV with a
// head. A row at a time, in memory that does not grow with the file.
//
//   HOLISAFE_TRY(FieldRows rows, FieldRows::open(std::move(file), {"id", "prediction"}));
//   while (true) {
//     HOLISAFE_TRY(const bool found, rows.next());
//     if (!found) break;
//     if (rows.value(1).kind == FieldValue::Kind::absent) return complain(rows.where("prediction"));
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/input_file.h"
#include "base/result.h"

namespace holisafe::dataset {

struct FieldValue {
  enum class Kind {
    absent,
    null,
    text,
    integer,
    cell,      ///< of CSV, which does not say what kind it is
    one_text,  ///< an array of one text
    other,
  };
  Kind kind = Kind::absent;
  /// A text, the one in an array, a cell as it stands; an integer's digits; nothing of the rest.
  std::string text = {};
  /// What was found, for messages: "a string", "nothing".
  std::string_view found = "nothing";
};

/// Movable; one thread at a time.
class FieldRows {
 public:
  enum class Form { array, lines, table };

  /// `names`: of the fields whose values are taken. White space around the names in a head of CSV is passed
  /// over. Errors: io; unsupported (UTF-16, UTF-32); missing (an empty file); of CSV those of its head; a
  /// field of the head that stands twice.
  static Result<FieldRows> open(InputFile file, std::vector<std::string> names);

  /// Moves to the next row; false after the last. Errors: io; what is wrong with the JSON or the CSV;
  /// wrong_type (no object); duplicate (a field of these names twice); malformed (a record with another
  /// number of cells than the head).
  Result<bool> next();
  /// Of the field with that number among the names; valid until the next row.
  [[nodiscard]] const FieldValue& value(std::size_t name) const;
  /// Where a field of the row stands: "FILE: line 4 (row 3): prediction".
  [[nodiscard]] std::string where(std::string_view field) const;
  /// The line, from 1, in which the row begins.
  [[nodiscard]] std::uint64_t line() const;

  [[nodiscard]] Form form() const;
  [[nodiscard]] const InputFile& file() const;
  /// Names of the row's fields (of CSV those of the head), as many as fit into a message.
  [[nodiscard]] std::string field_names() const;
  /// Begins anew.
  void rewind();

 private:
  class Reader;
  class JsonReader;
  class TableReader;
  explicit FieldRows(std::shared_ptr<Reader> reader) : reader_(std::move(reader)) {}
  std::shared_ptr<Reader> reader_;
};

}  // namespace holisafe::dataset
