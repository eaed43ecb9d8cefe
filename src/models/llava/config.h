// What config.json says of a LLaVA-1.5, in either of its two forms: that of transformers (text_config,
// vision_config) and the flat one of the original repository (mm_* keys), which SafeLLaVA uses.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "nn/decoder.h"
#include "nn/mlp.h"
#include "nn/vision_encoder.h"

namespace holisafe::models::llava {

enum class Layout {
  hf,        ///< as transformers writes it, whichever version
  original,  ///< as the authors' repository does
};

struct Config {
  Layout layout = Layout::hf;
  nn::DecoderConfig text;
  nn::VisionEncoderConfig vision;
  std::string vision_tower;  ///< original layout: the CLIP model's name; may be empty
  /// Layers of the tower that run before each hidden state the projector gets; their features are
  /// concatenated.
  std::vector<std::int64_t> feature_layers;
  bool keeps_class_token = false;  ///< select strategy "full" ("cls_patch")
  nn::Activation projector_activation = nn::Activation::gelu;
  bool projector_bias = true;
  std::int64_t image_token_id = 0;  ///< -200 in the original layout
  std::int64_t positions = 0;       ///< max_position_embeddings
  std::int64_t context_length = 0;  ///< the same with rotary scaling counted
  std::vector<std::int64_t> eos_token_ids;
  std::string image_aspect;  ///< image_aspect_ratio; empty where absent
  std::string model_type;

  /// Soft tokens of one image.
  [[nodiscard]] std::int64_t image_tokens() const { return vision.patches() + (keeps_class_token ? 1 : 0); }
};

/// Whether a config.json is one of LLaVA's, and whether in the original layout (its mm_* keys tell, since
/// both say model_type "llava").
bool recognise(const nlohmann::json& config);
bool is_original(const nlohmann::json& config);

/// Fields left out have the defaults of transformers. The tower of the original layout: `vision_config` where
/// there is one, else `tower` (the config.json of a CLIP checkpoint given besides; null for none), else the
/// shape of the CLIP model that is named. Errors: wrong_type, out_of_range, unsupported (another text or
/// vision model, projector, or scaling), missing (no tower is named), mismatch (sizes that do not divide).
Result<Config> parse_config(const nlohmann::json& config, const std::string& where,
                            const nlohmann::json& tower);

}  // namespace holisafe::models::llava
