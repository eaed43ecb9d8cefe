// Cells of pictures as towers with square patches take them.
#pragma once

#include <cstdint>

#include "nn/tensor.h"

namespace holisafe::models {

/// A view of pixels [pieces, channels, height, width] by cells of `side` x `side` from the upper left corner:
/// [pieces, rows, columns, channels, side, side]. What is left at the right and lower edge belongs to none:
/// patches of a convolution leave it out too.
inline torch::Tensor square_cells(const torch::Tensor& pixels, std::int64_t rows, std::int64_t columns,
                                  std::int64_t side) {
  return pixels.narrow(2, 0, rows * side)
      .narrow(3, 0, columns * side)
      .unflatten(3, {columns, side})
      .unflatten(2, {rows, side})  // [pieces, channels, rows, side, columns, side]
      .permute({0, 2, 4, 1, 3, 5});
}

}  // namespace holisafe::models
