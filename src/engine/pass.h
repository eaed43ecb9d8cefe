// One pass of the decoder over whole prompts, and what the guard makes of it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "guard/guard.h"
#include "models/model.h"
#include "models/prompt_batch.h"
#include "nn/kv_cache.h"

namespace holisafe::engine {

/// Hidden states of a batch of prompts padded on the left.
struct Pass {
  models::PromptBatch batch;
  torch::Tensor hidden_states;  ///< [B, T, hidden_size], after the final norm
};

/// `features`: of all images of all prompts, in order, each [tokens, hidden_size].
Pass run_prompts(const models::Model& model, std::span<const models::Prompt* const> prompts,
                 std::span<const torch::Tensor> features, nn::KvCache* cache);

/// The verdict over all images of one prompt from its hidden states [T, hidden_size] and its images'
/// features; nothing without an image.
Result<std::optional<taxonomy::Verdict>> judge(const guard::Guard& guard, const models::Prompt& prompt,
                                               const torch::Tensor& hidden_states,
                                               std::span<const torch::Tensor> features);

}  // namespace holisafe::engine
