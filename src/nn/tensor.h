// LibTorch's tensors and the operations that the project uses, one header each. All of ATen, or
// torch/types.h, costs every file that sees it two to four seconds more, precompiled or not: what its 3,000
// inline functions need is instantiated anew each time.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/all.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/div.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

// torch::Tensor, torch::kFloat32 and the like, as torch/types.h has them. The sizes' names stand in ATen's
// namespace, where they do not clash with its own where a header of LibTorch brings that one too.
namespace at {
// NOLINTBEGIN(readability-identifier-naming)
inline constexpr auto kUInt8 = kByte;
inline constexpr auto kInt8 = kChar;
inline constexpr auto kInt16 = kShort;
inline constexpr auto kInt32 = kInt;
inline constexpr auto kInt64 = kLong;
inline constexpr auto kFloat16 = kHalf;
inline constexpr auto kFloat32 = kFloat;
inline constexpr auto kFloat64 = kDouble;
// NOLINTEND(readability-identifier-naming)
}  // namespace at
namespace torch {
using namespace at;
}
