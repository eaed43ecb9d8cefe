// The backward pass of products with a matrix that stays in 16 bits (nn/stored_matrix.h): gradients of an
// input through weights that do not learn.
#pragma once

#include "nn/stored_matrix.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// product(x, weight), and gradients flow to x: grad W, of which so many rows are widened at a time as the
/// forward product takes. Equal to that of the widened matrix but for the order of sums; no copy of the
/// weight is kept for the backward pass.
torch::Tensor product_with_gradient(StoredProduct product, const torch::Tensor& x,
                                    const torch::Tensor& weight);

}  // namespace holisafe::nn
