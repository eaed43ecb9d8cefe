// Drawing with replacement from groups of equal items, fast.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace holisafe::metrics {

/// Draws as many items with replacement as all groups hold together, and tells how many came from each group:
/// a multinomial with one trial an item, but in time of the number of groups and the square root of that of
/// the items.
///
/// Poisson counts of the groups, whose means add up to a little less than the number of items, are a
/// multinomial once their total is known; the items still missing are drawn one by one, those too many (rare)
/// are taken back at random. Either keeps the distribution. Probabilities are exact to 2^-32. Thread-safe
/// after construction.
class GroupResampler {
 public:
  /// `sizes`: items of each group, each at least 1, together below 2^32.
  explicit GroupResampler(std::span<const std::uint32_t> sizes);

  /// Fills `counts` (one a group), which then add up to the number of items.
  void draw(Random& random, std::span<std::uint32_t> counts) const;

 private:
  /// A discrete distribution to draw from in constant time (Walker 1977, Vose 1991): slots_[begin, begin +
  /// size).
  struct AliasTable {
    std::uint32_t first = 0;  ///< value of its first slot
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Slot {
    std::uint32_t keep;  ///< below this (of 2^32) the slot's own value, else the other
    std::uint32_t other;
  };
  void add_poisson(double mean);
  void add_table(std::uint32_t first, std::vector<double> weights);

  std::uint32_t items_ = 0;
  std::vector<AliasTable> tables_;  ///< of each group
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> group_of_;  ///< of each item
};

}  // namespace holisafe::metrics
