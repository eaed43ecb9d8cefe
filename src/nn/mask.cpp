#include "nn/mask.h"

namespace holisafe::nn {

torch::Tensor attention_mask(const MaskInputs& inputs, std::int64_t window) {
  const std::int64_t keys = inputs.past + inputs.queries;
  const bool slides = window > 0 && keys > window;
  const bool causal_suffices = inputs.queries == 1 || inputs.past == 0;
  if (!inputs.key_valid.defined() && !inputs.image_group.defined() && !slides && causal_suffices) return {};

  const auto options = torch::TensorOptions(inputs.device).dtype(torch::kInt64);
  const auto query = at::arange(inputs.past, keys, options).unsqueeze(1);  // [T, 1]
  const auto key = at::arange(keys, options).unsqueeze(0);                 // [1, S]
  auto allowed = key.le(query);                                            // [T, S]
  allowed = allowed.unsqueeze(0);                                          // [1, T, S]
  if (inputs.image_group.defined()) {
    const auto group = inputs.image_group;  // [B, T]
    auto together =
        group.unsqueeze(2).eq(group.unsqueeze(1)).logical_and(group.ge(0).unsqueeze(2));  // [B, T, T]
    if (inputs.past > 0) {
      together =
          at::cat({at::zeros({group.size(0), inputs.queries, inputs.past}, together.options()), together}, 2);
    }
    allowed = allowed.logical_or(together);
  }
  // The window cuts through image blocks too, as in transformers.
  if (slides) allowed = allowed.logical_and(key.gt(query - window).unsqueeze(0));
  if (inputs.key_valid.defined()) {
    allowed = allowed.logical_and(inputs.key_valid.unsqueeze(1)).logical_or(key.eq(query).unsqueeze(0));
  }
  return allowed.unsqueeze(1);
}

}  // namespace holisafe::nn
