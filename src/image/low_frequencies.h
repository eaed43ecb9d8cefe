// What a picture shows from afar: the low frequencies of its luma, by which near-duplicates are proposed. A
// perceptual hash alone is not enough for that: cut off 4% and PDQ finds nothing, and the bits of symmetric
// signs are rounding noise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "image/luma_grid.h"
#include "image/picture_cut.h"

namespace holisafe::image {

/// Cosine coefficients of the ten lowest frequencies a side, scaled to one length so that gain and offset are
/// out; high ones count more than they are strong. All zero: the picture is of one luma.
struct LowFrequencies {
  static constexpr std::size_t symmetric = 48;  ///< the first: even horizontal frequencies, as in the mirror
  static constexpr std::size_t count = 96;      ///< the others change their sign in the mirror
  std::array<std::int8_t, count> values{};

  [[nodiscard]] bool flat() const { return *this == LowFrequencies{}; }
  bool operator==(const LowFrequencies&) const = default;
};

/// Of means over cells, such as LumaGrid::area. Thread-safe.
LowFrequencies low_frequencies(const LumaGrid::Square& luma);

/// A picture as it is looked for among others: what each of usual_cuts leaves of it. A cut that leaves one
/// luma only is all zero, which nothing is near to.
using SeenFrequencies = std::array<LowFrequencies, usual_cuts.size()>;
/// Of means over cells. Exact: a border that is cut off has as much in frequencies that are not kept as in
/// those that are. Thread-safe, and holds nothing.
SeenFrequencies seen_frequencies(const LumaGrid::Square& luma);

/// Nearest pictures among many. Two are as near as the cosine of the angle between them, the best over
/// what is seen of the one that is looked for, and over the mirror.
class LowFrequencyTable {
 public:
  struct Near {
    std::uint32_t number = 0;
    float nearness = 0;  ///< at most 1 but for rounding
  };
  /// What is looked for.
  struct Wanted {
    std::uint32_t number = 0;  ///< its own, which is left out
    const SeenFrequencies& seen;
  };

  /// Pictures are numbered in order, from 0, at most 2^32 - 1 of them. Takes 97 bytes a picture.
  void add(const LowFrequencies& picture);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] LowFrequencies at(std::size_t number) const;

  /// The `most` nearest that are at least `least` near, nearest first, then by number. Without flat ones, and
  /// none where what is looked for is flat. Several threads may ask while none adds.
  [[nodiscard]] std::vector<Near> nearest(const Wanted& wanted, std::size_t most, float least) const;
  /// The same among `candidates`, which are ascending.
  [[nodiscard]] std::vector<Near> nearest_among(const Wanted& wanted,
                                                std::span<const std::uint32_t> candidates, std::size_t most,
                                                float least) const;

 private:
  static constexpr std::size_t block_size = 16;
  /// Coefficient by coefficient, those of 16 pictures side by side.
  struct Block {
    alignas(16) std::array<std::array<std::int8_t, block_size>, LowFrequencies::count> values{};
  };

  std::size_t size_ = 0;
  std::deque<Block> blocks_;
};

}  // namespace holisafe::image
