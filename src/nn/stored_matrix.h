// Products with a matrix that stays in the 16 bits that a checkpoint stores, while activations are float32.
// Widening a number is exact, so nothing is lost; half the memory is read for a token, which is what decoding
// waits for. nn/matrix.h chooses among them.
#pragma once

#include <cstdint>

#include "nn/tensor.h"
#include "nn/vector_set.h"

namespace holisafe::nn {

/// So many floats of a matrix are widened at a time for a product of many rows, to stay in cache.
inline constexpr std::int64_t widened_floats = std::int64_t{1} << 22;

/// x weight^T in float32, for x f32 [..., in] on the CPU and weight [out, in] as the kernel was chosen for;
/// [..., out]. No gradient. Few rows (up to 64; 16 where there is AMX, 8 without vector instructions) are
/// multiplied as multiply_rows does (nn/row_product.h), more as one matrix product: in tiles
/// (nn/split_product.h), or LibTorch's of widened strips. Thread-safe.
using StoredProduct = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& weight);

/// The kernel for a float16 or bfloat16 matrix on the CPU, written for `set`; null for any other.
StoredProduct stored_product(const torch::Tensor& weight, VectorSet set = vector_set());

}  // namespace holisafe::nn
