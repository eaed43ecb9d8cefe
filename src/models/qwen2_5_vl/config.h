// Qwen2.5-VL's config.json in all the forms it was written: flat (transformers 4.49 to 4.51, the released
// files), with a nested text_config (4.52 on), with rope_parameters (5).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/config_fields.h"
#include "nn/decoder.h"
#include "nn/mlp.h"

namespace holisafe::models::qwen2_5_vl {

/// The vision tower and its merger. Defaults are those of transformers' Qwen2_5_VLVisionConfig.
struct VisionConfig {
  std::int64_t depth = 32;
  std::int64_t hidden_size = 3584;
  std::int64_t intermediate_size = 3420;
  std::int64_t num_heads = 16;
  std::int64_t patch_size = 14;          ///< pixels a side
  std::int64_t temporal_patch_size = 2;  ///< frames a patch; an image stands in all of them
  std::int64_t spatial_merge_size = 2;   ///< patches a side of what becomes one token
  std::int64_t window_size = 112;        ///< pixels a side of an attention window
  std::int64_t out_hidden_size = 3584;   ///< the language model's hidden size
  double rope_theta = 10000;
  nn::Activation activation = nn::Activation::silu;
  std::vector<bool> full_attention;  ///< per block: over the whole image; else within windows

  [[nodiscard]] std::int64_t head_dim() const { return hidden_size / num_heads; }
  /// Patches of one token.
  [[nodiscard]] std::int64_t merge_unit() const { return spatial_merge_size * spatial_merge_size; }
  /// Tokens a side of a window.
  [[nodiscard]] std::int64_t window_side() const { return window_size / spatial_merge_size / patch_size; }
  /// Values of a patch: three colours.
  [[nodiscard]] std::int64_t patch_values() const {
    return 3 * temporal_patch_size * patch_size * patch_size;
  }
};

struct Config {
  VisionConfig vision;
  nn::DecoderConfig text;
  std::int64_t positions = 0;       ///< max_position_embeddings
  std::int64_t context_length = 0;  ///< the same with rotary scaling counted
  std::int64_t image_token_id = 151655;
  std::int64_t video_token_id = 151656;
  std::vector<std::int64_t> eos_token_ids{151645};
  bool nested = false;  ///< text_config holds the language model's fields
};

/// Fields that are absent have the defaults of transformers 5.23. Errors: wrong_type, out_of_range,
/// unsupported (activation, kind of rotary embedding), mismatch (sizes that do not divide, mrope_section
/// against the head size, the merger's output against the hidden size); each names the field.
Result<Config> parse_config(const nlohmann::json& config, const std::string& where);

}  // namespace holisafe::models::qwen2_5_vl
