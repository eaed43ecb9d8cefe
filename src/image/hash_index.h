// Search among many perceptual hashes: all pairs, or all of one hash, within a Hamming distance. Exact.
//
//   for (const HashPair& pair : HashIndex(hashes).pairs(31)) …
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "image/perceptual_hash.h"

namespace holisafe::image {

/// Two hashes by their numbers, first < second.
struct HashPair {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  std::uint16_t distance = 0;
  auto operator<=>(const HashPair&) const = default;
};

/// The distance up to which PDQ's authors take two pictures for one.
inline constexpr int usual_radius = 31;

/// Cuts hashes into 16 bands of 16 bits: of two hashes within 31, one band differs in one bit at most (else
/// all of them would differ in two, 32 together). Band by band the hashes are laid out by that band's value,
/// so that candidates lie side by side; a pair counts in the first band that finds it.
class HashIndex {
 public:
  /// `hashes`, at most 2^32 - 1, must outlive the index.
  explicit HashIndex(std::span<const PerceptualHash> hashes) : hashes_(hashes) {}

  /// All pairs within `radius`, 0 to usual_radius, ordered by first and second. `threads` 0: as many as the
  /// machine has. Holds 40 bytes a hash, and the pairs. Thread-safe.
  [[nodiscard]] std::vector<HashPair> pairs(int radius, int threads = 0) const;

 private:
  std::span<const PerceptualHash> hashes_;
};

}  // namespace holisafe::image
