// What is kept of a picture so that two can be compared without decoding them again.
//
//   Result<DescribedPicture> described = describe(*image);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/result.h"
#include "image/low_frequencies.h"
#include "image/perceptual_hash.h"

namespace holisafe::image {

/// A picture reduced to squares, whatever its shape: about 5 KB, to be kept as its bytes by who compares on
/// the same machine.
struct PixelSketch {
  static constexpr std::size_t luma_side = LumaGrid::side;
  static constexpr std::size_t chroma_side = 24;
  static constexpr std::size_t chroma_cells = chroma_side * chroma_side;

  float aspect = 1;     ///< width / height
  float darkest = 0;    ///< luma of sample 0
  float luma_step = 0;  ///< and what a step of one adds: 0 where all is one luma
  std::array<std::uint8_t, luma_side * luma_side>
      luma{};                                    ///< means over cells, from the darkest to the brightest
  std::array<std::int8_t, chroma_cells> blue{};  ///< (blue - luma) / 2, means over cells
  std::array<std::int8_t, chroma_cells> red{};   ///< (red - luma) / 2
};
static_assert(std::is_trivially_copyable_v<PixelSketch>);

/// The samples of luma, 0 to 255: LumaGrid::area but for rounding.
LumaGrid::Square luma_of(const PixelSketch& sketch);

/// All that near-duplicates are found by.
struct DescribedPicture {
  HashedPicture hashed;
  LowFrequencies frequencies;
  PixelSketch sketch;
};

/// Thread-safe. Errors: those of luma_grid().
Result<DescribedPicture> describe(const Image& image);

}  // namespace holisafe::image
