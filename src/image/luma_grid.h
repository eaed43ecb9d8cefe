// A picture's luma reduced to 64 x 64 samples, as PDQ looks at it (perceptual_hash.h) and as means over
// cells.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.h"
#include "image/image.h"

namespace holisafe::image {

struct StripFilter;

/// A picture's luma, reduced to squares of 64 x 64 samples, rows from the top, 0 to 255.
struct LumaGrid {
  static constexpr std::size_t side = 64;
  using Square = std::array<float, side * side>;

  Square tent{};    ///< the tent-filtered samples at cell centres that PDQ looks at
  Square hashed{};  ///< the same, but a picture of 64 x 64 as it is
  Square area{};    ///< means over the cells, borders weighted by their share
};

/// The least width and height that is hashed, as in the reference.
inline constexpr int least_hashed_side = 5;

/// Holds a few rows and columns of floats beside the picture. Thread-safe. Errors: out_of_range (a side
/// below least_hashed_side).
Result<LumaGrid> luma_grid(const Image& image);
/// With the loops of one set of vector instructions: the same bits as with any other.
Result<LumaGrid> luma_grid(const Image& image, const StripFilter& filter);

}  // namespace holisafe::image
