#include "models/qwen2_5_vl/positions.h"

#include <algorithm>

namespace holisafe::models::qwen2_5_vl {

Positions multimodal_positions(std::int64_t length, std::span<const ImageSpan> spans,
                               std::span<const TokenGrid> grids) {
  Positions out;
  out.positions = at::empty({3, length}, torch::kInt64);
  auto* const time = out.positions.data_ptr<std::int64_t>();
  auto* const height = time + length;
  auto* const width = height + length;
  std::int64_t token = 0;
  const auto text = [&](std::int64_t end) {
    for (; token < end; ++token, ++out.next) time[token] = height[token] = width[token] = out.next;
  };
  for (const ImageSpan& span : spans) {
    text(span.begin);
    const TokenGrid& grid = grids[static_cast<std::size_t>(span.image)];
    for (; token < span.end; ++token) {
      const std::int64_t cell = token - span.begin;
      time[token] = out.next;
      height[token] = out.next + cell / grid.width;
      width[token] = out.next + cell % grid.width;
    }
    out.next += std::max(grid.height, grid.width);
  }
  text(length);
  return out;
}

}  // namespace holisafe::models::qwen2_5_vl
