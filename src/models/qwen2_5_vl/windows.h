// The order in which the vision tower sees an image's tokens: window by window, windows of one size next to
// each other, so that each size is one batch of attention without padding or masks.
#pragma once

#include <cstdint>
#include <vector>

namespace holisafe::models::qwen2_5_vl {

/// Windows of one size that follow each other.
struct WindowGroup {
  std::int64_t windows = 0;
  std::int64_t tokens = 0;  ///< of one window

  bool operator==(const WindowGroup&) const = default;
};

/// A grid of tokens (merged patches) cut into windows from its upper left corner. Windows at the right and
/// lower edge are smaller; none is empty.
struct WindowPlan {
  std::vector<std::int64_t> order;  ///< token of the grid, row by row, at each place of the tower's sequence
  std::vector<std::int64_t> inverse;  ///< place of each token of the grid
  std::vector<WindowGroup> groups;    ///< whole windows, those cut at the right, below, in the corner
};

/// `height` x `width` tokens, windows of `side` x `side`; all positive.
WindowPlan plan_windows(std::int64_t height, std::int64_t width, std::int64_t side);

}  // namespace holisafe::models::qwen2_5_vl
