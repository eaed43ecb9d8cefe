#include "engine/pass.h"

#include <utility>

namespace holisafe::engine {

Pass run_prompts(const models::Model& model, std::span<const models::Prompt* const> prompts,
                 std::span<const torch::Tensor> features, nn::KvCache* cache) {
  Pass pass;
  pass.batch = models::collate(model, prompts, models::Padding::left);
  torch::Tensor joined;
  if (!features.empty()) joined = at::cat(at::TensorList(features.data(), features.size()), 0);
  pass.hidden_states =
      model.decoder().forward(pass.batch.inputs(models::embed(model, pass.batch, joined)), cache);
  return pass;
}

Result<std::optional<taxonomy::Verdict>> judge(const guard::Guard& guard, const models::Prompt& prompt,
                                               const torch::Tensor& hidden_states,
                                               std::span<const torch::Tensor> features) {
  if (prompt.spans.empty()) return std::optional<taxonomy::Verdict>();
  const bool hidden = guard.info().pooling == models::GuardPooling::last_hidden;
  HOLISAFE_TRY(auto verdict, guard.judge(hidden ? guard::pool_hidden(hidden_states, prompt.spans)
                                                : guard::pool_features(features)));
  return std::optional<taxonomy::Verdict>(verdict);
}

}  // namespace holisafe::engine
