// Multimodal rotary positions (arXiv 2409.12191): every token has a place in time, height and width.
#pragma once

#include <cstdint>
#include <span>

#include "models/model.h"
#include "nn/tensor.h"

namespace holisafe::models::qwen2_5_vl {

/// An image's tokens, row by row.
struct TokenGrid {
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct Positions {
  torch::Tensor positions;  ///< i64 [3, T]: time, height, width
  std::int64_t next = 0;    ///< of the token after the last
};

/// Text counts on all three axes at once. An image's tokens share the time at which it begins; their height
/// and width count from there. What follows begins max(height, width) later. One span an image, in order.
Positions multimodal_positions(std::int64_t length, std::span<const ImageSpan> spans,
                               std::span<const TokenGrid> grids);

}  // namespace holisafe::models::qwen2_5_vl
