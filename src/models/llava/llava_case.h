// For tests: configs as released, tiny checkpoints of both layouts, and a picture.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/llava/llava.h"
#include "models/llava/synth.h"
#include "models/weights.h"

namespace holisafe::models::llava {

using Json = nlohmann::json;

/// As llava-hf/llava-1.5-7b-hf has it, written by transformers 4: what equals a default is left out.
inline Json released_7b() {
  return Json::parse(R"({
    "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": 32000,
    "model_type": "llava", "pad_token_id": 32001, "projector_hidden_act": "gelu",
    "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"],
      "max_position_embeddings": 4096, "model_type": "llama", "rms_norm_eps": 1e-05, "torch_dtype": "float16",
      "vocab_size": 32064},
    "tie_word_embeddings": false, "torch_dtype": "float16", "transformers_version": "4.36.0.dev0",
    "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
      "model_type": "clip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14,
      "projection_dim": 768, "vocab_size": 32000},
    "vision_feature_layer": -2, "vision_feature_select_strategy": "default"})");
}

inline Json released_13b() {
  Json config = released_7b();
  config["text_config"].update({{"hidden_size", 5120},
                                {"intermediate_size", 13824},
                                {"num_attention_heads", 40},
                                {"num_hidden_layers", 40},
                                {"num_key_value_heads", 40}});
  return config;
}

/// As the original repository writes LLaVA-1.5-7B, and SafeLLaVA its own.
inline Json original_7b() {
  return Json::parse(R"({
    "architectures": ["LlavaLlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
    "freeze_mm_mlp_adapter": false, "hidden_act": "silu", "hidden_size": 4096, "image_aspect_ratio": "pad",
    "image_grid_pinpoints": null, "initializer_range": 0.02, "intermediate_size": 11008, "max_length": 4096,
    "max_position_embeddings": 4096, "mm_hidden_size": 1024, "mm_projector_type": "mlp2x_gelu",
    "mm_resampler_type": null, "mm_use_im_patch_token": false, "mm_use_im_start_end": false,
    "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2,
    "mm_vision_tower": "openai/clip-vit-large-patch14-336", "model_type": "llava", "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 32, "pad_token_id": 0, "pretraining_tp": 1,
    "rms_norm_eps": 1e-05, "rope_scaling": null, "tie_word_embeddings": false, "torch_dtype": "float16",
    "tune_mm_mlp_adapter": false, "tune_mm_vision_resampler": false, "unfreeze_mm_vision_tower": false,
    "use_cache": true, "use_mm_proj": true, "vocab_size": 32000})");
}

inline Result<Config> parse(const Json& config, const Json& tower = nullptr) {
  return parse_config(config, "config.json", tower);
}

class LlavaTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holisafe_llava_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* preset : {"tiny", "tiny-original"}) {
      const auto made = synth({preset, 1, folder_ / preset, true, {}});
      ASSERT_TRUE(made) << made.error().message();
    }
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::unique_ptr<Model> load(const std::string& preset, const LoadOptions& options = {}) {
    auto model = Llava::load(folder_ / preset, options);
    EXPECT_TRUE(model) << model.error().message();
    return model ? *std::move(model) : nullptr;
  }

  /// A model of any size, without weights.
  static Llava shaped(const Json& config) {
    const auto parsed = parse(config);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return {*parsed, info_of(*parsed), *tokenizer::Tokenizer::open(folder_ / "tiny"),
            *ImageProcessor::make(ConfigFields(Json::object(), ""), "", parsed->vision.image_size),
            *template_of(*parsed, "")};
  }

  static std::vector<checkpoint::TensorSpec> specs(const Json& config) {
    Llava model = shaped(config);
    return tensor_specs([&model](const nn::Visitor& visitor) { model.visit(visitor); });
  }

  static inline std::filesystem::path folder_;
};

inline image::Image gradient(int width, int height) {
  image::Image out{width, height, {}};
  for (int i = 0; i < 3 * width * height; ++i) out.rgb.push_back(static_cast<std::uint8_t>(i * 31 % 256));
  return out;
}

}  // namespace holisafe::models::llava
