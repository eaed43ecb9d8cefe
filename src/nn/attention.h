// Scaled dot-product attention over grouped heads.
#pragma once

#include "nn/tensor.h"

namespace holisafe::nn {

/// What limits which keys a query sees.
struct AttentionMask {
  torch::Tensor allowed;  ///< bool, broadcastable to [B, 1, T, S]; undefined: see `causal`
  bool causal = false;    ///< without `allowed`: query i sees keys 0..i (T equal S)
};

/// softmax(q k^T scale) v for q [B, heads, T, D] and k, v [B, key-value heads, S, D], where heads is a
/// multiple of key-value heads: [B, T, heads x D].
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const AttentionMask& mask, double scale);

}  // namespace holisafe::nn
