// Nearest pictures among many without looking at all of them.
//
//   LowFrequencyIndex index(table);
//   const auto proposals = index.nearest(begin, seen, {48, 0.8F}, threads);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "image/low_frequencies.h"

namespace holisafe::image {

/// Each picture gets a code of 256 bits, the signs of its coefficients in two turned coordinate systems: two
/// pictures differ in a share of them that is the angle between them. Bits are cut into 32 bands of 16, the
/// rows and the columns of a square; those with an equal band are candidates, which the table then measures.
/// Of pairs 0.95 near all but one in 600 share a band, of those 0.9 near all but one in 15; of pairs that
/// have nothing in common one in 170 does.
class LowFrequencyIndex {
 public:
  struct Bounds {
    std::size_t most = 0;
    float least = 0;
  };

  /// `table` must outlive the index and not grow meanwhile.
  explicit LowFrequencyIndex(const LowFrequencyTable& table) : table_(table) {}

  /// What the table's nearest() gives for each of some pictures as they are seen, whose numbers go on from
  /// `begin`, but for the few that share no band. Holds 4 MB, 1.3 KB for each of them and what it gives,
  /// however many the table has. `threads` 0: as many as the machine has. The answer is the same for any.
  [[nodiscard]] std::vector<std::vector<LowFrequencyTable::Near>> nearest(
      std::uint32_t begin, std::span<const SeenFrequencies> wanted, Bounds bounds, int threads) const;

 private:
  const LowFrequencyTable& table_;
};

}  // namespace holisafe::image
