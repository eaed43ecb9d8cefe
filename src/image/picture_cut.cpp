#include "image/picture_cut.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace holisafe::image {
namespace {

constexpr std::size_t taps = 4;
constexpr std::size_t most_samples = 64;

/// Weights of four samples, from `first` on.
struct Window {
  std::size_t first = 0;
  std::array<float, taps> weights{};
};
using Windows = std::array<Window, most_samples>;

Windows windows(std::size_t side, float before, float after, std::size_t out_side) {
  Windows out;
  const double begin = static_cast<double>(before) * static_cast<double>(side);
  const double length = (1.0 - static_cast<double>(before) - static_cast<double>(after)) *
                        static_cast<double>(side) / static_cast<double>(out_side);
  for (std::size_t i = 0; i < out_side; ++i) {
    const double from = begin + static_cast<double>(i) * length;
    const double to = from + length;
    Window& window = out[i];
    window.first = std::min(static_cast<std::size_t>(from), side - taps);
    for (std::size_t k = 0; k < taps; ++k) {
      const auto sample = static_cast<double>(window.first + k);
      const double share = std::min(to, sample + 1) - std::max(from, sample);
      window.weights[k] = static_cast<float>(std::max(share, 0.0) / length);
    }
  }
  return out;
}

}  // namespace

void resample(const float* square, std::size_t side, const PictureCut& cut, std::size_t out_side,
              float* out) {
  const Windows across = windows(side, cut.left, cut.right, out_side);
  const Windows down = windows(side, cut.top, cut.bottom, out_side);
  std::array<float, most_samples> row{};
  for (std::size_t y = 0; y < out_side; ++y) {
    const Window& vertical = down[y];
    const float* const from = square + vertical.first * side;
    for (std::size_t x = 0; x < side; ++x) {
      row[x] = vertical.weights[0] * from[x] + vertical.weights[1] * from[side + x] +
               vertical.weights[2] * from[2 * side + x] + vertical.weights[3] * from[3 * side + x];
    }
    for (std::size_t x = 0; x < out_side; ++x) {
      const Window& horizontal = across[x];
      const float* const at = row.data() + horizontal.first;
      out[y * out_side + x] = horizontal.weights[0] * at[0] + horizontal.weights[1] * at[1] +
                              horizontal.weights[2] * at[2] + horizontal.weights[3] * at[3];
    }
  }
}

}  // namespace holisafe::image
