// Products with a matrix that stays in the 16 bits that a checkpoint stores, while activations are float32.
// Widening a number is exact, so nothing is lost; half the memory is read for a token, which is what decoding
// waits for. nn/matrix.h chooses among them.
#pragma once

#include "nn/tensor.h"

namespace holisafe::nn {

/// Vector instructions that a kernel is written for.
enum class VectorSet { none, avx2, avx512 };

/// The best that this processor has.
VectorSet vector_set();

/// x weight^T in float32, for x f32 [..., in] on the CPU and weight [out, in] as the kernel was chosen for;
/// [..., out]. No gradient. A row's result does not depend on how many others are multiplied with it, as long
/// as all counts are small or all are large, nor on the number of threads. Thread-safe.
using StoredProduct = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& weight);

/// The kernel for a float16 or bfloat16 matrix on the CPU, written for `set`; null for any other.
StoredProduct stored_product(const torch::Tensor& weight, VectorSet set = vector_set());

}  // namespace holisafe::nn
