// Losses of training: next-token cross-entropy on supervised positions only, and the guard's cross-entropy.
//
// Both are sums; the caller divides by the counts of the whole optimizer step, so that accumulation and ranks
// weigh every token and every image alike.
#pragma once

#include <cstdint>

#include "nn/tensor.h"

namespace holisafe::train {

/// Sum of the cross-entropies of `targets` i64 [N] under logits = hidden [N, H] x weight [V, H]^T (+ bias
/// [V]). Only `chunk` positions' logits exist at a time, forward and backward: gradients are formed in the
/// forward pass, so nothing of size N x V is kept. hidden may be float32 or bfloat16; the softmax is float32.
/// Gives a float32 scalar, differentiable in hidden, and in weight where it requires grad. N may be
/// 0.
torch::Tensor supervised_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                       const torch::Tensor& targets, std::int64_t chunk = 1024);

}  // namespace holisafe::train
