// Linear layers whose weight stays in the 16 bits that a checkpoint stores, while activations are float32.
// Widening a number is exact, so nothing is lost; half the memory is read for a token, which is what decoding
// waits for.
#pragma once

#include <torch/types.h>

namespace holisafe::nn {

/// Whether multiply_stored takes the two: a float16 or bfloat16 matrix and float32 activations, both on the
/// CPU, where no gradient is wanted.
bool is_stored_matrix(const torch::Tensor& weight, const torch::Tensor& x);

/// Vector instructions that a kernel is written for.
enum class VectorSet { none, avx2, avx512 };

/// The best that this processor has.
VectorSet vector_set();

/// x weight^T in float32, for x f32 [..., in] and weight f16 or bf16 [out, in]; [..., out]. A row's result
/// does not depend on how many others are multiplied with it, as long as all counts are small or all are
/// large. Thread-safe.
torch::Tensor multiply_stored(const torch::Tensor& x, const torch::Tensor& weight,
                              VectorSet set = vector_set());

}  // namespace holisafe::nn
