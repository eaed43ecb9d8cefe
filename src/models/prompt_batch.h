// Several prompts as one pass of the decoder.
//
//   const PromptBatch batch = collate(model, prompts);
//   const Tensor hidden = model.decoder().forward(batch.inputs(embed(model, batch, features)));
#pragma once

#include <cstdint>
#include <span>

#include "models/model.h"
#include "nn/tensor.h"

namespace holisafe::models {

/// B prompts of up to T positions, on the model's device. Shorter ones are filled up on the right, where
/// causal attention never looks: no mask says so.
struct PromptBatch {
  torch::Tensor input_ids;  ///< i64 [B, T], 0 at image positions and padding
  torch::Tensor positions;  ///< i64 [1 or 3, B, T], 0 at padding
  torch::Tensor
      image_group;           ///< i64 [B, T]: of models whose images attend in both directions, else undefined
  torch::Tensor image_rows;  ///< i64 [image positions]: row b x T + t of each, in the order of their features

  /// The decoder's inputs for embeddings [B, T, hidden_size].
  [[nodiscard]] nn::DecoderInputs inputs(torch::Tensor embeddings) const;
};

/// At least one prompt, none empty.
PromptBatch collate(const Model& model, std::span<const Prompt* const> prompts);

/// Token embeddings with the features of all images of all prompts, one after the other, in their places:
/// [B, T, hidden_size]. `image_features` is [image positions, hidden_size]; undefined where there is none.
torch::Tensor embed(const Model& model, const PromptBatch& batch, const torch::Tensor& image_features);

}  // namespace holisafe::models
