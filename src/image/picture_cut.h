// Squares of samples, and parts of them brought to another number of samples.
#pragma once

#include <array>
#include <cstddef>

namespace holisafe::image {

/// The shares of a picture's sides that are cut off.
struct PictureCut {
  float left = 0;
  float right = 0;
  float top = 0;
  float bottom = 0;
};

/// None, and a cut at each side and all round, from which any of up to 5% at a side or 4% all round is found.
inline constexpr std::array<PictureCut, 6> usual_cuts{{{0, 0, 0, 0},
                                                       {0.05F, 0, 0, 0},
                                                       {0, 0.05F, 0, 0},
                                                       {0, 0, 0.05F, 0},
                                                       {0, 0, 0, 0.05F},
                                                       {0.04F, 0.04F, 0.04F, 0.04F}}};

/// Means over `out_side` x `out_side` equal cells of what a cut leaves of a square of `side` x `side`
/// samples, at least 4. A cell may cover at most 3 samples a side.
void resample(const float* square, std::size_t side, const PictureCut& cut, std::size_t out_side, float* out);

}  // namespace holisafe::image
