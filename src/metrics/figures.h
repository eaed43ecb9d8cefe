// Figures of a benchmark: which rates are taken over which rows, and which means over them. Metrics know
// groups and labels; what they stand for is the benchmark's to say.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holisafe::metrics {

/// A row's place in the data's groups, such as {"type", "SSU"}: a value for each name a benchmark has, in the
/// order of its definition.
using Groups = std::vector<std::pair<std::string, std::string>>;

/// Rows whose group has this value.
struct Where {
  std::string group;
  std::string value;
};

/// The share of the marked rows, of those in all of `where`, whose label is one of `labels`; without labels,
/// the mean of their values.
struct Rate {
  std::string name;   ///< in JSON: "SSU", "accuracy"
  std::string title;  ///< in tables: "SSU ASR"
  std::vector<Where> where = {};
  std::vector<std::string> labels = {};
  bool higher_is_better = false;
};

/// A mean over rates: plain over those that have rows, or pooled over all their rows together.
struct Mean {
  enum class Kind { plain, pooled };
  std::string name;
  std::string title;
  Kind kind = Kind::plain;
  std::vector<std::string> rates;  ///< their names; empty: one rate for each value of the group `each`
  std::string each = {};           ///< then: the first rate taken for each value of this group
  bool higher_is_better = false;
};

/// All that a benchmark's scores hold. Immutable, static lifetime.
struct Figures {
  std::vector<std::string> labels;  ///< every label a mark can have
  std::vector<Rate> rates;
  std::vector<Mean> means;
  std::string primary;              ///< the rate or mean that stands for the benchmark
  std::vector<std::string> groups;  ///< names; all figures are also given for each value of each
};

}  // namespace holisafe::metrics
