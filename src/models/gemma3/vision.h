// Gemma 3's eyes: the SigLIP tower, its patches averaged to a fixed number of soft tokens, normalised and
// projected into the decoder's space.
#pragma once

#include <vector>

#include "checkpoint/match.h"
#include "models/gemma3/config.h"
#include "nn/norm.h"
#include "nn/parameters.h"
#include "nn/tensor.h"
#include "nn/vision_encoder.h"

namespace holisafe::models::gemma3 {

/// Weights and forward pass. Running it is thread-safe as long as nobody changes weights.
class Vision {
 public:
  /// Weights get their shapes on the meta device.
  explicit Vision(const Config& config);

  /// Soft tokens [B, tokens_per_image, hidden size of the decoder] of pixels [B, 3, image_size, image_size].
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& pixels) const;

  /// Canonical names `vision_tower.…` and `multi_modal_projector.…`; sets the visitor's part.
  void visit(nn::Visitor visitor);

  nn::VisionEncoder tower;

 private:
  std::int64_t patches_per_side_;
  std::int64_t pooling_size_;
  nn::RmsNorm norm_;  ///< over the tower's channels
  torch::Tensor
      projection_;  ///< [tower's hidden size, decoder's hidden size]: not transposed, unlike a Linear
};

/// How the files of transformers 4.5x and 5 name the tensors: the decoder under `language_model.model`,
/// `model.language_model` or `model`, the tower with and without `vision_model`.
checkpoint::NameRules name_rules();

}  // namespace holisafe::models::gemma3
