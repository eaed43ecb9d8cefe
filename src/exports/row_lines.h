// rows.csv and rows.jsonl: a line a run and row, with what was asked, answered and judged.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exports/csv.h"

namespace holisafe::exports {

/// What all rows of a file have.
struct RowLayout {
  std::vector<std::string> groups;  ///< of all benchmarks in it
  std::vector<std::string> judges;
  CsvFor reader = CsvFor::programs;
};

struct ExportedRow {
  std::string run;
  std::string id;
  bool id_is_string = false;
  std::string image;  ///< paths, ", " between them
  std::vector<std::optional<std::string>>
      groups;  ///< parallel to the layout's; nothing: not of its benchmark
  std::string query;
  std::optional<std::string> prediction;  ///< as it came
  std::string state;                      ///< answered, filtered, empty, unanswered, not_asked
  std::optional<std::uint64_t> guard_label;
  std::optional<double> guard_unsafe;
  /// Parallel to the layout's judges: how each marks the row, "unjudged" where it says nothing; nothing where
  /// it is no judge of this run.
  std::vector<std::optional<std::string>> marks;
};

/// A format of rows. Static lifetime.
struct RowFormat {
  /// What stands before the first row; may be empty.
  std::string (*head)(const RowLayout& layout);
  /// One line.
  std::string (*line)(const RowLayout& layout, const ExportedRow& row);
};

extern const RowFormat csv_rows;
extern const RowFormat json_rows;

}  // namespace holisafe::exports
