// Models over several sets at once: a model a row, a set a column, each set's primary figure so that more is
// better, and safety against utility.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "metrics/interval.h"
#include "report/report.h"

namespace holisafe::report {

/// What a set's column holds.
struct SetColumn {
  std::string name;     ///< "vlsbench"
  std::string title;    ///< "VLSBench"
  bool safety = true;   ///< else utility
  std::string figure;   ///< "Safety", "1 - mASR macro"
  std::string judge;    ///< whose marks count: a rule or an LLM judge
  bool in_mean = true;  ///< whether every model has a value
};

/// A figure as a fraction; more is better.
struct SetValue {
  std::optional<double> value;
  std::optional<metrics::Interval> interval;
  /// Figures of the set that stand beside it, as they are: name, title, value.
  struct Beside {
    std::string name;
    std::string title;
    std::optional<double> value;
  };
  std::vector<Beside> beside = {};
};

/// A model, this report's or a published one.
struct ModelRow {
  std::string name;
  std::vector<SetValue> sets;  ///< parallel to the columns
  SetValue safety;             ///< plain means over the sets of each kind that are in means
  SetValue utility;
};

struct SafetyUtility {
  std::vector<SetColumn> sets;  ///< those of safety first
  std::vector<ModelRow> models;
  std::vector<ModelRow> published;
  std::vector<std::string> notes;  ///< what keeps figures from comparing, a sentence each
};

/// Fills in which columns are in means, and the means.
void take_means(SafetyUtility& table);

/// How many columns of a kind are in its mean.
std::size_t sets_in_mean(const SafetyUtility& table, bool safety);

/// Head and rows of the table as it is shown: a model's cells are texts with the interval below. Columns of
/// means are left out where they are over fewer than two sets.
Table safety_utility_table(const SafetyUtility& table, const std::vector<ModelRow>& rows);

/// The sentences below the table: what each column holds.
std::string columns_text(const SafetyUtility& table);

/// The line over published figures in the table.
inline constexpr std::string_view published_sets =
    "Published figures, over the whole sets and with each column's judge.";

/// The models that have both means; no points where none has. The axes say what they are means of.
figures::PointChart safety_utility_points(const SafetyUtility& table);

/// Table, scatter, notes.
Section safety_utility_section(const SafetyUtility& table);

}  // namespace holisafe::report
