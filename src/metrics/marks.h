// Marked rows, as metrics count them: where a row stands in the data's groups, which image it belongs to, and
// how it was marked. Strings are turned into numbers once, when a row is added.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/figures.h"

namespace holisafe::metrics {

/// How one row counts: the number of its label in Figures::labels (0 where those are none), or `unjudged`.
struct MarkNumber {
  static constexpr std::uint8_t unjudged = 255;
  std::uint8_t label = unjudged;
  bool unparsed = false;  ///< its answer could not be read; it counts all the same, as its label says
  double value = 0;       ///< in [0, 1]

  [[nodiscard]] bool judged() const { return label != unjudged; }
  friend bool operator==(const MarkNumber&, const MarkNumber&) = default;
};

/// The mark with this label; unjudged where the figures have no such label.
MarkNumber mark_number(const Figures& figures, std::string_view label, double value = 0,
                       bool unparsed = false);

/// Whether a row so marked is wrong by `rate`. Must be judged.
bool wrong_by(const Figures& figures, const Rate& rate, const MarkNumber& mark);
/// Whether a row with these groups is where all of `where` say.
bool stands_in(const std::vector<Where>& where, const Groups& groups);
/// Value of a group; empty where there is none.
std::string_view group_value(const Groups& groups, std::string_view name);

/// The rows that some rate is taken over.
struct Slice {
  std::string name;  ///< the values, "SSU"; empty: all rows
  std::vector<Where> where;
};
/// Those of all rates, each once, in order.
std::vector<Slice> slices_of(const Figures& figures);
std::string slice_name(const std::vector<Where>& where);
/// The groups that some rate filters by, each once.
std::vector<std::string> groups_of_rates(const Figures& figures);

/// The places that rows have in the groups, each once, numbered in order of first appearance.
class Places {
 public:
  std::uint32_t number(const Groups& groups);
  [[nodiscard]] const std::vector<Groups>& all() const { return all_; }

 private:
  std::vector<Groups> all_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::string key_;
};

struct MarkedRow {
  std::uint32_t place = 0;    ///< of Places
  std::uint32_t cluster = 0;  ///< number of its image, dense, from 0 in order of first appearance
  MarkNumber mark;
};

struct MarkedRows {
  Places places;
  std::vector<MarkedRow> rows;
};

}  // namespace holisafe::metrics
