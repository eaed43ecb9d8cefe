// config.json of Gemma 3, with the defaults of its configuration classes in transformers: the released files
// leave out nearly everything.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "nn/decoder.h"
#include "nn/vision_encoder.h"

namespace holisafe::models::gemma3 {

struct Config {
  std::string model_type;
  nn::DecoderConfig text;
  nn::VisionEncoderConfig vision;  ///< the SigLIP tower
  bool pooling_head = true;        ///< the files may hold SigLIP's own pooling head, which Gemma 3 never runs
  std::int64_t tokens_per_image = 256;  ///< soft tokens of one piece, a square number
  std::int64_t image_token_id = 262144;
  std::int64_t context_length = 131072;
  std::vector<std::int64_t> stop_token_ids{1};  ///< as config.json says; generation_config.json comes first

  [[nodiscard]] std::int64_t patches_per_side() const { return vision.image_size / vision.patch_size; }
  /// Patches a side that are averaged into one soft token.
  [[nodiscard]] std::int64_t pooling_size() const;
};

/// Whether a config.json is Gemma 3's, the text-only models included: they are refused by parse_config.
bool recognise(const nlohmann::json& document);

/// Sliding and global layers by `layer_types` or `sliding_window_pattern`; rotary bases and factor by
/// `rope_parameters`, or `rope_theta`, `rope_local_base_freq` and `rope_scaling`. `where` names the file.
/// Errors: unsupported (a text-only model, soft caps, bidirectional text, a kind of layer, activation or
/// rotary scaling), wrong_type, out_of_range, missing, mismatch (sizes that do not divide).
Result<Config> parse_config(const nlohmann::json& document, const std::string& where);

}  // namespace holisafe::models::gemma3
