#include "nn/mask.h"

namespace holisafe::nn {

torch::Tensor attention_mask(const MaskInputs& inputs, std::int64_t window) {
  const std::int64_t keys = inputs.past + inputs.queries;
  const bool slides = window > 0 && keys > window;
  const bool causal_suffices = !inputs.read.defined() && (inputs.queries == 1 || inputs.past == 0);
  if (!inputs.image_group.defined() && !slides && causal_suffices) return {};

  const auto options = torch::TensorOptions(inputs.device).dtype(torch::kInt64);
  auto query = at::arange(inputs.past, keys, options).unsqueeze(1);  // [T, 1]
  if (inputs.read.defined()) query = query.index_select(0, inputs.read);
  const auto key = at::arange(keys, options).unsqueeze(0);  // [1, S]
  auto allowed = key.le(query).unsqueeze(0);                // [1, T, S]
  if (inputs.image_group.defined()) {
    const auto group = inputs.image_group;  // [B, T]
    const auto asking = inputs.read.defined() ? group.index_select(1, inputs.read) : group;
    auto together =
        asking.unsqueeze(2).eq(group.unsqueeze(1)).logical_and(asking.ge(0).unsqueeze(2));  // [B, T, T]
    if (inputs.past > 0) {
      together =
          at::cat({at::zeros({group.size(0), asking.size(1), inputs.past}, together.options()), together}, 2);
    }
    allowed = allowed.logical_or(together);
  }
  // The window cuts through image blocks too, as in transformers.
  if (slides) allowed = allowed.logical_and(key.gt(query - window).unsqueeze(0));
  return allowed.unsqueeze(1);
}

}  // namespace holisafe::nn
