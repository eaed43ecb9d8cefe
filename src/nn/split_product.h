// Products of many float32 rows with a matrix of 16 bits in the tiles of AMX, which multiply bfloat16 alone,
// at several times the speed of float32 in vector registers.
#pragma once

#include "nn/tensor.h"

namespace holisafe::nn {

/// x weight^T in float32, for x f32 [rows, in] and weight bf16 or f16 [out, in], both contiguous and on the
/// CPU; [rows, out]. No gradient. The 24 bits of a float32 number are the sum of three bfloat16 numbers, the
/// 11 of float16 of two, so products are those of float32 with a widened weight, but for what is 2^-24 of
/// one; sums are float32, and a row's are its own whatever the number of rows and threads. What is not
/// finite gives what is no number. Only where vector_set() is VectorSet::amx. Thread-safe.
torch::Tensor multiply_split(const torch::Tensor& x, const torch::Tensor& weight);

}  // namespace holisafe::nn
