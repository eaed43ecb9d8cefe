#include "models/llava/config.h"

#include <gmock/gmock.h>

#include "models/llava/llava_case.h"

namespace holisafe::models::llava {
namespace {

using testing::HasSubstr;

TEST_F(LlavaTest, DefaultsAreThoseOfTransformers) {
  const auto config = parse(released_7b());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->layout, Layout::hf);
  EXPECT_EQ(config->text.hidden_size, 4096);
  EXPECT_EQ(config->text.num_key_value_heads, 32);
  EXPECT_EQ(config->text.head_dim, 128);
  EXPECT_EQ(config->text.activation, nn::Activation::silu);
  EXPECT_DOUBLE_EQ(config->text.rms_norm_eps, 1e-5);
  EXPECT_EQ(config->vision.activation, nn::Activation::quick_gelu);
  EXPECT_DOUBLE_EQ(config->vision.layer_norm_eps, 1e-5);
  EXPECT_EQ(config->feature_layers, std::vector<std::int64_t>{23});
  EXPECT_EQ(config->image_tokens(), 576);
  EXPECT_EQ(config->image_token_id, 32000);
  EXPECT_EQ(config->eos_token_ids, std::vector<std::int64_t>{2});

  Json bare{{"model_type", "llava"}};
  const auto empty = parse(bare);
  ASSERT_TRUE(empty) << empty.error().message();
  EXPECT_EQ(empty->vision.hidden_size, 1024);
  EXPECT_EQ(empty->vision.num_layers, 24);
  EXPECT_EQ(empty->text.vocab_size, 32000);
  bare["vision_config"] = Json::object();
  EXPECT_EQ(parse(bare)->vision.hidden_size, 768);
}

TEST_F(LlavaTest, OriginalLayoutIsKnownByItsKeys) {
  EXPECT_TRUE(recognise(original_7b()));
  EXPECT_TRUE(is_original(original_7b()));
  EXPECT_FALSE(is_original(released_7b()));
  EXPECT_TRUE(is_original({{"model_type", "llava_llama"}}));
  const auto config = parse(original_7b());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->image_token_id, -200);
  EXPECT_EQ(config->image_aspect, "pad");
  EXPECT_EQ(config->vision.image_size, 336);
  EXPECT_EQ(config->feature_layers, std::vector<std::int64_t>{23});
  EXPECT_EQ(config->vision_tower, "openai/clip-vit-large-patch14-336");
}

TEST_F(LlavaTest, TowerOfTheOriginalLayoutIsTheOneSaid) {
  const Json small{{"hidden_size", 32}, {"num_attention_heads", 4}, {"num_hidden_layers", 5},
                   {"image_size", 56},  {"patch_size", 14},         {"intermediate_size", 64}};
  Json config = original_7b();
  EXPECT_EQ(parse(config, small)->vision.image_size, 56);
  EXPECT_EQ(parse(config, Json{{"vision_config", small}})->vision.hidden_size, 32);
  config["vision_config"] = small;
  config["vision_config"]["image_size"] = 28;
  EXPECT_EQ(parse(config, small)->vision.image_size, 28);
  config = original_7b();
  config["mm_vision_tower"] = "/models/clip-vit-large-patch14";
  EXPECT_EQ(parse(config)->vision.image_size, 224);
}

TEST_F(LlavaTest, RopeIsReadFromEitherPlace) {
  const auto frequency = [](Json text) {
    Json config = released_7b();
    config["text_config"].update(text);
    const auto parsed = parse(config);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return parsed->text.rotary_global.inverse_frequencies[63].item<double>();
  };
  const double at_5e5 = frequency({{"rope_theta", 500000.0}});
  EXPECT_NEAR(at_5e5, std::pow(5e5, -126.0 / 128), 1e-10);
  EXPECT_EQ(frequency({{"rope_parameters", {{"rope_theta", 500000.0}, {"rope_type", "default"}}}}), at_5e5);
  EXPECT_NEAR(frequency({{"rope_theta", 500000.0}, {"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}),
              at_5e5 / 2, 1e-10);
}

struct BadConfig {
  const char* pointer;
  Json value;
  ErrorKind kind;
  const char* says;
};

TEST_F(LlavaTest, ConfigsThatCannotBeUsedSayWhy) {
  const std::vector<BadConfig> hf{
      {"/text_config/hidden_size", "4096", ErrorKind::wrong_type, "text_config.hidden_size"},
      {"/text_config/hidden_size", 0, ErrorKind::out_of_range, "expected 1 to"},
      {"/text_config/num_hidden_layers", 4000000000, ErrorKind::out_of_range, "num_hidden_layers"},
      {"/text_config/hidden_size", 4100, ErrorKind::mismatch, "multiple of num_attention_heads 32"},
      {"/text_config/num_key_value_heads", 7, ErrorKind::mismatch, "divisor of num_attention_heads 32"},
      {"/text_config/model_type", "mistral", ErrorKind::unsupported, "expected llama, found mistral"},
      {"/text_config/hidden_act", "relu6", ErrorKind::unsupported, "found relu6"},
      {"/text_config/mlp_bias", true, ErrorKind::unsupported, "text_config.mlp_bias"},
      {"/text_config/rope_scaling", {{"type", "longrope"}}, ErrorKind::unsupported, "rope_scaling.rope_type"},
      {"/text_config/rope_scaling", {{"type", "linear"}}, ErrorKind::missing, "rope_scaling.factor"},
      {"/text_config", 3, ErrorKind::wrong_type, "text_config"},
      {"/vision_config/model_type", "siglip_vision_model", ErrorKind::unsupported, "siglip_vision_model"},
      {"/vision_config/patch_size", 400, ErrorKind::out_of_range, "patch_size"},
      {"/vision_feature_layer", 99, ErrorKind::out_of_range, "vision_feature_layer"},
      {"/vision_feature_layer", Json::array(), ErrorKind::missing, "vision_feature_layer"},
      {"/vision_feature_select_strategy", "cls", ErrorKind::unsupported, "expected default or full"},
      {"/projector_hidden_act", 5, ErrorKind::wrong_type, "projector_hidden_act"},
  };
  for (const BadConfig& bad : hf) {
    Json config = released_7b();
    config[Json::json_pointer(bad.pointer)] = bad.value;
    const auto parsed = parse(config);
    ASSERT_FALSE(parsed) << bad.pointer;
    EXPECT_EQ(parsed.error().kind, bad.kind) << bad.pointer << ": " << parsed.error().message();
    EXPECT_THAT(parsed.error().message(), HasSubstr(bad.says));
  }
  const std::vector<BadConfig> original{
      {"/mm_projector_type", "linear", ErrorKind::unsupported, "expected mlp2x_gelu, found linear"},
      {"/mm_vision_tower", "google/siglip", ErrorKind::unsupported, "google/siglip"},
      {"/mm_vision_tower", nullptr, ErrorKind::missing, "mm_vision_tower"},
      {"/mm_use_im_start_end", true, ErrorKind::unsupported, "mm_use_im_start_end"},
      {"/mm_vision_select_feature", "cls", ErrorKind::unsupported, "patch or cls_patch"},
  };
  for (const BadConfig& bad : original) {
    Json config = original_7b();
    config[Json::json_pointer(bad.pointer)] = bad.value;
    const auto parsed = parse(config);
    ASSERT_FALSE(parsed) << bad.pointer;
    EXPECT_EQ(parsed.error().kind, bad.kind) << bad.pointer << ": " << parsed.error().message();
    EXPECT_THAT(parsed.error().message(), HasSubstr(bad.says));
  }
}

}  // namespace
}  // namespace holisafe::models::llava
