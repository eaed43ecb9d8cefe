// The vision transformer that CLIP (arXiv 2103.00020) and SigLIP (arXiv 2303.15343) share: patches, learned
// positions, pre-norm layers.
//
//   VisionEncoder tower(config);                     // weights have shapes but no storage yet
//   tower.visit("vision_tower", visitor);            // a loader binds them by name
//   Tensor features = tower.hidden_states(pixels, 23);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/layer_hook.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/tensor.h"

namespace holisafe::nn {

struct VisionEncoderConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t image_size = 0;  ///< of the square input, in pixels
  std::int64_t patch_size = 0;
  std::int64_t num_channels = 3;
  double layer_norm_eps = 1e-5;
  Activation activation = Activation::quick_gelu;
  bool class_token = false;  ///< a learned token stands before the patches (CLIP)
  bool input_norm = false;   ///< embeddings are normalised before the first layer (CLIP)
  bool patch_bias = false;   ///< the patch projection has a bias (SigLIP)

  /// Patches of one image; the class token is not one.
  [[nodiscard]] std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

/// Weights and forward pass. Running it is thread-safe as long as nobody changes weights.
class VisionEncoder {
 public:
  /// Weights get their shapes on the meta device: visit() names them before they are loaded.
  explicit VisionEncoder(VisionEncoderConfig config);

  [[nodiscard]] const VisionEncoderConfig& config() const { return config_; }

  /// Hidden states after the first `layers` layers (0: the embeddings), without the final norm:
  /// [B, tokens, hidden_size] of pixels [B, channels, image_size, image_size]. Layers after them do not run.
  [[nodiscard]] torch::Tensor hidden_states(const torch::Tensor& pixels, std::int64_t layers) const;
  /// The same for several numbers of layers in one pass, in their order.
  [[nodiscard]] std::vector<torch::Tensor> hidden_states(const torch::Tensor& pixels,
                                                         std::span<const std::int64_t> layers) const;

  /// The norm after the last layer.
  [[nodiscard]] torch::Tensor final_norm(const torch::Tensor& hidden) const { return norm_.forward(hidden); }

  /// Canonical names `embeddings.…`, `pre_layrnorm` (as CLIP's files spell it), `encoder.layers.N.…`,
  /// `post_layernorm` under `name`.
  void visit(const std::string& name, const Visitor& visitor);

  LayerHook layer_hook;  ///< empty: layers run plainly

 private:
  struct Layer {
    LayerNorm norm1, norm2;
    Linear q, k, v, out;
    Linear fc1, fc2;
  };
  [[nodiscard]] Layer make_layer() const;
  [[nodiscard]] torch::Tensor embed(const torch::Tensor& pixels) const;
  [[nodiscard]] torch::Tensor attend(const Layer& layer, const torch::Tensor& x) const;
  [[nodiscard]] torch::Tensor run_layer(const Layer& layer, const torch::Tensor& hidden) const;

  VisionEncoderConfig config_;
  torch::Tensor class_embedding_;     ///< [hidden_size], or undefined
  torch::Tensor patch_weight_;        ///< [hidden_size, channels, patch, patch]
  torch::Tensor patch_bias_;          ///< [hidden_size], or undefined
  torch::Tensor position_embedding_;  ///< [tokens, hidden_size]
  LayerNorm input_norm_;              ///< weight undefined where there is none
  std::vector<Layer> layers_;
  LayerNorm norm_;
};

}  // namespace holisafe::nn
