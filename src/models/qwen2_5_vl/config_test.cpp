#include "models/qwen2_5_vl/config.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "models/qwen2_5_vl/reference_file.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

nlohmann::json released(const char* size) { return reference("released")[size]["config"]; }

/// The same as transformers 5 writes it.
nlohmann::json nested(nlohmann::json flat) {
  nlohmann::json out{{"model_type", "qwen2_5_vl"},
                     {"architectures", {"SafeQwen2_5_VLForConditionalGeneration"}},
                     {"vision_config", flat["vision_config"]},
                     {"image_token_id", flat["image_token_id"]},
                     {"tie_word_embeddings", flat["tie_word_embeddings"]}};
  flat.erase("vision_config");
  flat.erase("tie_word_embeddings");
  auto rope = flat["rope_scaling"];
  rope["rope_theta"] = flat["rope_theta"];
  rope["rope_type"] = "default";
  flat.erase("rope_scaling");
  flat.erase("rope_theta");
  flat["rope_parameters"] = rope;
  out["text_config"] = flat;
  return out;
}

void expect_error(const nlohmann::json& config, ErrorKind kind, const std::string& text) {
  const auto parsed = parse_config(config, "config.json");
  ASSERT_FALSE(parsed) << text;
  EXPECT_EQ(parsed.error().kind, kind) << parsed.error().message();
  EXPECT_NE(parsed.error().message().find(text), std::string::npos) << parsed.error().message();
}

TEST(Config, ReleasedFlatFile) {
  const auto parsed = parse_config(released("3b"), "config.json");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(parsed->text.tie_embeddings);
  EXPECT_EQ(parsed->text.head_dim, 128);
  EXPECT_EQ(parsed->text.num_key_value_heads, 2);
  EXPECT_EQ(parsed->text.rotary_global.sections, (std::vector<std::int64_t>{16, 24, 24}));
  EXPECT_TRUE(parsed->text.sliding.empty());
  EXPECT_EQ(parsed->vision.window_side(), 4);
  EXPECT_EQ(parsed->vision.patch_values(), 1176);
  EXPECT_TRUE(parsed->vision.full_attention[7]);
  EXPECT_FALSE(parsed->vision.full_attention[8]);
  EXPECT_EQ(parsed->context_length, 128000);
}

TEST(Config, NestedFileSaysTheSame) {
  for (const char* size : {"3b", "7b", "32b", "72b"}) {
    const auto flat = parse_config(released(size), "config.json");
    const auto deep = parse_config(nested(released(size)), "config.json");
    ASSERT_TRUE(flat);
    ASSERT_TRUE(deep) << deep.error().message();
    EXPECT_TRUE(deep->nested);
    EXPECT_EQ(flat->text.hidden_size, deep->text.hidden_size);
    EXPECT_EQ(flat->text.num_layers, deep->text.num_layers);
    EXPECT_EQ(flat->text.tie_embeddings, deep->text.tie_embeddings);
    EXPECT_EQ(flat->text.rms_norm_eps, deep->text.rms_norm_eps);
    EXPECT_TRUE(at::equal(flat->text.rotary_global.inverse_frequencies,
                          deep->text.rotary_global.inverse_frequencies));
    EXPECT_EQ(flat->vision.intermediate_size, deep->vision.intermediate_size);
  }
}

TEST(Config, TiedWhereOnlyTheTextSaysSo) {
  auto config = nested(released("3b"));
  config.erase("tie_word_embeddings");
  config["text_config"]["tie_word_embeddings"] = true;
  EXPECT_TRUE(parse_config(config, "config.json")->text.tie_embeddings);
}

TEST(Config, SlidingLayersWhereAskedFor) {
  auto config = released("7b");
  config["use_sliding_window"] = true;
  config["max_window_layers"] = 26;
  const auto parsed = parse_config(config, "config.json");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->text.sliding_window, 32768);
  EXPECT_FALSE(parsed->text.sliding[25]);
  EXPECT_TRUE(parsed->text.sliding[26]);
}

TEST(Config, ErrorsNameTheField) {
  auto config = released("7b");
  config["vision_config"]["out_hidden_size"] = 2048;
  expect_error(config, ErrorKind::mismatch, "vision_config.out_hidden_size: expected the language model's");
  config = released("7b");
  config["rope_scaling"]["mrope_section"] = {16, 24, 23};
  expect_error(config, ErrorKind::mismatch, "rope_scaling.mrope_section");
  config["rope_scaling"] = {{"type", "longrope"}, {"factor", 4}};
  expect_error(config, ErrorKind::unsupported, "longrope");
  config = nested(released("7b"));
  config["text_config"]["num_key_value_heads"] = 3;
  expect_error(config, ErrorKind::mismatch, "text_config.num_key_value_heads");
  config = released("7b");
  config["vision_config"]["hidden_size"] = 1281;
  expect_error(config, ErrorKind::mismatch, "vision_config.hidden_size");
  config = released("7b");
  config["hidden_size"] = "large";
  expect_error(config, ErrorKind::wrong_type, "hidden_size");
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
