#include "models/gemma3/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::models::gemma3 {
namespace {

using nlohmann::json;

json small() {
  return {{"model_type", "gemma3"},
          {"text_config", {{"num_hidden_layers", 7}, {"head_dim", 8}}},
          {"vision_config", {{"image_size", 56}, {"patch_size", 14}}},
          {"mm_tokens_per_image", 4}};
}

Result<Config> parsed(const json& document) { return parse_config(document, "config.json"); }

std::string refusal(const json& document) {
  const auto config = parsed(document);
  return config ? "" : config.error().message();
}

json with(const std::string& object, const std::string& key, const json& value) {
  json out = small();
  (object.empty() ? out : out[object])[key] = value;
  return out;
}

TEST(Gemma3Config, TakesTheFamilysDefaults) {
  const auto config = parsed({{"model_type", "gemma3"}, {"mm_tokens_per_image", 196}});
  ASSERT_TRUE(config) << config.error().message();
  const nn::DecoderConfig& text = config->text;
  EXPECT_EQ(text.hidden_size, 2304);
  EXPECT_EQ(text.intermediate_size, 9216);
  EXPECT_EQ(text.num_layers, 26);
  EXPECT_EQ(text.num_heads, 8);
  EXPECT_EQ(text.num_key_value_heads, 4);
  EXPECT_EQ(text.head_dim, 256);
  EXPECT_EQ(text.vocab_size, 262208);
  EXPECT_DOUBLE_EQ(text.rms_norm_eps, 1e-6);
  EXPECT_DOUBLE_EQ(text.attention_scale, 1.0 / 16);
  EXPECT_DOUBLE_EQ(text.embedding_scale, 48);
  EXPECT_EQ(text.activation, nn::Activation::gelu_tanh);
  EXPECT_EQ(text.sliding_window, 4096);
  EXPECT_TRUE(text.tie_embeddings && text.qk_norm && text.unit_offset_norm && text.sandwich_norms);
  EXPECT_FALSE(text.qkv_bias || text.output_bias);
  EXPECT_EQ(config->vision.hidden_size, 768);
  EXPECT_EQ(config->vision.num_layers, 12);
  EXPECT_EQ(config->patches_per_side(), 14);
  EXPECT_EQ(config->image_token_id, 262144);
  EXPECT_EQ(config->context_length, 131072);
  EXPECT_EQ(config->stop_token_ids, std::vector<std::int64_t>{1});
  EXPECT_TRUE(config->pooling_head);
}

TEST(Gemma3Config, EverySixthLayerIsGlobalUnlessItSaysOtherwise) {
  EXPECT_THAT(parsed(small())->text.sliding, testing::ElementsAre(true, true, true, true, true, false, true));
  EXPECT_THAT(parsed(with("text_config", "sliding_window_pattern", 2))->text.sliding,
              testing::ElementsAre(true, false, true, false, true, false, true));
  json both = with("text_config", "sliding_window_pattern", 2);
  both["text_config"]["layer_types"] =
      json::array({"full_attention", "full_attention", "full_attention", "full_attention", "full_attention",
                   "full_attention", "sliding_attention"});
  EXPECT_THAT(parsed(both)->text.sliding,
              testing::ElementsAre(false, false, false, false, false, false, true));
}

/// Second frequency of head_dim 8: base to the power -1/4.
double base_of(const nn::Rotary& rotary) {
  return std::pow(rotary.inverse_frequencies[1].item<double>(), -4);
}

TEST(Gemma3Config, GlobalAndSlidingLayersHaveTheirOwnRotaryBases) {
  const auto plain = parsed(small());
  EXPECT_NEAR(base_of(plain->text.rotary_global), 1e6, 1);
  EXPECT_NEAR(base_of(plain->text.rotary_local), 1e4, 0.01);
  json old = with("text_config", "rope_scaling", {{"type", "linear"}, {"factor", 8.0}});
  old["text_config"]["rope_theta"] = 10000;
  old["text_config"]["rope_local_base_freq"] = 16;
  const auto spelt = parsed(old);
  EXPECT_NEAR(spelt->text.rotary_global.inverse_frequencies[1].item<double>(), 0.1 / 8, 1e-7);
  EXPECT_NEAR(base_of(spelt->text.rotary_local), 16, 1e-4);
  const json parameters{{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 10000}}},
                        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 16}}}};
  const auto newer = parsed(with("text_config", "rope_parameters", parameters));
  EXPECT_TRUE(
      newer->text.rotary_global.inverse_frequencies.equal(spelt->text.rotary_global.inverse_frequencies));
  EXPECT_TRUE(
      newer->text.rotary_local.inverse_frequencies.equal(spelt->text.rotary_local.inverse_frequencies));
}

TEST(Gemma3Config, RecognisesItsModelTypes) {
  EXPECT_TRUE(recognise({{"model_type", "gemma3"}}));
  EXPECT_TRUE(recognise({{"model_type", "gemma3_text"}}));
  EXPECT_FALSE(recognise({{"model_type", "gemma2"}}));
  EXPECT_FALSE(recognise(json::array()));
}

TEST(Gemma3Config, RefusesModelsForTextOnly) {
  EXPECT_THAT(refusal({{"model_type", "gemma3_text"}, {"hidden_size", 1152}}),
              testing::AllOf(testing::HasSubstr("gemma3_text"), testing::HasSubstr("no vision tower")));
}

TEST(Gemma3Config, NamesTheFieldItCannotUse) {
  EXPECT_THAT(refusal(with("text_config", "final_logit_softcapping", 30.0)),
              testing::HasSubstr("text_config.final_logit_softcapping"));
  EXPECT_THAT(refusal(with("text_config", "attn_logit_softcapping", 50.0)),
              testing::HasSubstr("text_config.attn_logit_softcapping"));
  EXPECT_THAT(refusal(with("text_config", "use_bidirectional_attention", true)),
              testing::HasSubstr("use_bidirectional_attention"));
  EXPECT_THAT(refusal(with("text_config", "hidden_size", "x")),
              testing::HasSubstr("text_config.hidden_size"));
  EXPECT_THAT(refusal(with("text_config", "num_hidden_layers", 1000000)),
              testing::HasSubstr("num_hidden_layers"));
  EXPECT_THAT(refusal(with("text_config", "num_key_value_heads", 3)),
              testing::HasSubstr("num_key_value_heads"));
  EXPECT_THAT(refusal(with("text_config", "head_dim", 7)), testing::HasSubstr("head_dim"));
  EXPECT_THAT(refusal(with("text_config", "query_pre_attn_scalar", 0)),
              testing::HasSubstr("query_pre_attn_scalar"));
  EXPECT_THAT(refusal(with("text_config", "layer_types", {"full_attention"})),
              testing::HasSubstr("layer_types"));
  EXPECT_THAT(refusal(with("text_config", "layer_types", json::array({1, 2, 3, 4, 5, 6, 7}))),
              testing::HasSubstr("layer_types"));
  EXPECT_THAT(refusal(with("text_config", "hidden_activation", "relu")), testing::HasSubstr("relu"));
  EXPECT_THAT(refusal(with("text_config", "rope_scaling", {{"rope_type", "spiral"}, {"factor", 2}})),
              testing::HasSubstr("spiral"));
  EXPECT_THAT(refusal(with("text_config", "rope_parameters", {{"rope_type", "linear"}, {"factor", 2}})),
              testing::HasSubstr("rope_parameters"));
  EXPECT_THAT(refusal(with("vision_config", "num_attention_heads", 5)),
              testing::HasSubstr("vision_config.num_attention_heads"));
  EXPECT_THAT(refusal(with("vision_config", "model_type", "clip_vision_model")),
              testing::HasSubstr("vision_config.model_type"));
  EXPECT_THAT(refusal(with("text_config", "model_type", "llama")),
              testing::HasSubstr("text_config.model_type"));
  EXPECT_THAT(refusal(with("vision_config", "num_channels", 4)), testing::HasSubstr("num_channels"));
  for (const int tokens : {3, 5, 9, 25})
    EXPECT_THAT(refusal(with("", "mm_tokens_per_image", tokens)), testing::HasSubstr("mm_tokens_per_image"));
}

}  // namespace
}  // namespace holisafe::models::gemma3
