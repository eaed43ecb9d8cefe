// Qwen2.5-VL's vision tower: patches in, one vector a token out.
//
//   VisionTower tower(config);             // weights have shapes but no storage yet
//   tower.visit(visitor);                  // a loader binds them by name
//   Tensor features = tower.forward(pixel_values, {rows, columns});
#pragma once

#include <vector>

#include "models/qwen2_5_vl/config.h"
#include "models/qwen2_5_vl/positions.h"
#include "models/qwen2_5_vl/windows.h"
#include "nn/layer_hook.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/parameters.h"
#include "nn/tensor.h"

namespace holisafe::models::qwen2_5_vl {

/// Weights and forward pass. Running it is thread-safe as long as nobody changes weights.
class VisionTower {
 public:
  /// Weights get their shapes on the meta device.
  explicit VisionTower(VisionConfig config);

  [[nodiscard]] const VisionConfig& config() const { return config_; }

  /// One image: pixel_values [patches, patch_values] as the processor orders them, in the tower's dtype and
  /// on its device, for a grid of tokens. Gives [tokens, out_hidden_size], tokens row by row.
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& pixel_values, TokenGrid grid) const;

  /// Canonical names `visual.…`; the merger is the projector. Sets visitor.part.
  void visit(nn::Visitor visitor);

  nn::LayerHook layer_hook;  ///< empty: blocks run plainly

 private:
  struct Block {
    nn::RmsNorm norm1, norm2;
    nn::Linear qkv, proj;
    nn::GatedMlp mlp;
  };
  struct Pass;  // what all blocks of one pass share
  [[nodiscard]] Block make_block() const;
  [[nodiscard]] Pass make_pass(TokenGrid grid, const torch::Tensor& like) const;
  [[nodiscard]] torch::Tensor run_block(std::size_t index, const torch::Tensor& x, const Pass& pass) const;
  [[nodiscard]] torch::Tensor attend(const Block& block, const torch::Tensor& x, const Pass& pass,
                                     const std::vector<WindowGroup>& groups) const;

  VisionConfig config_;
  torch::Tensor inverse_frequencies_;  ///< float32 [head_dim / 4]
  torch::Tensor patch_embed_;          ///< [hidden_size, 3, temporal, patch, patch]
  std::vector<Block> blocks_;
  nn::RmsNorm merger_norm_;
  nn::Linear merger_in_, merger_out_;
};

}  // namespace holisafe::models::qwen2_5_vl
