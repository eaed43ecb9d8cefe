#include "nn/attention.h"

namespace holisafe::nn {
namespace {

torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t times) {
  if (times == 1) return x;
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), times, x.size(2), x.size(3)})
      .reshape({x.size(0), x.size(1) * times, x.size(2), x.size(3)});
}

torch::Tensor dot_product(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                          const AttentionMask& mask, double scale) {
  const auto allowed = mask.allowed.defined() ? std::optional<torch::Tensor>(mask.allowed) : std::nullopt;
  return at::scaled_dot_product_attention(q, k, v, allowed, /*dropout_p=*/0.0, !allowed && mask.causal,
                                          scale);
}

}  // namespace

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const AttentionMask& mask, double scale) {
  const std::int64_t batch = q.size(0);
  const std::int64_t queries = q.size(2);
  const std::int64_t groups = q.size(1) / k.size(1);
  if (queries == 1 && groups > 1) {
    // While decoding, the heads of a group are so many queries of one key head: nothing is copied.
    const auto grouped = q.reshape({batch, k.size(1), groups, q.size(3)});
    return dot_product(grouped, k, v, mask, scale).reshape({batch, 1, q.size(1) * q.size(3)});
  }
  return dot_product(q, repeat_heads(k, groups), repeat_heads(v, groups), mask, scale)
      .transpose(1, 2)
      .reshape({batch, queries, q.size(1) * q.size(3)});
}

}  // namespace holisafe::nn
