// Products of rows that stand for themselves: while sequences decode together, each row is another
// sequence's, and none may see how many there are.
#pragma once

#include "nn/tensor.h"
#include "nn/vector_set.h"

namespace holisafe::nn {

/// x weight^T for x [rows, in] (float32 or bfloat16) and weight [out, in] (float32, float16 or bfloat16),
/// both contiguous and on the CPU: [rows, out] in x's type, summed in float32. Each row's sums have an order
/// of their own: its bits are the same among any number of rows and on any number of threads (but not between
/// vector sets). The weight is read from memory once for up to 32 rows. No gradient. Thread-safe; runs on
/// LibTorch's threads.
torch::Tensor multiply_rows(const torch::Tensor& x, const torch::Tensor& weight,
                            VectorSet set = vector_set());

}  // namespace holisafe::nn
