#include "models/gemma3/vision.h"

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/weights.h"
#include "nn/decoder.h"

namespace holisafe::models::gemma3 {
namespace {

using nlohmann::json;

/// A published config, and how many weights the published files hold.
struct Published {
  const char* size;
  json text;
  std::int64_t layers;
  std::int64_t parameters;
};

std::vector<Published> published() {
  const json common{{"model_type", "gemma3_text"},
                    {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}},
                    {"sliding_window", 1024}};
  std::vector<Published> out{
      {"4b",
       {{"hidden_size", 2560}, {"intermediate_size", 10240}, {"num_hidden_layers", 34}},
       34,
       4'300'079'472},
      {"12b",
       {{"hidden_size", 3840},
        {"intermediate_size", 15360},
        {"num_attention_heads", 16},
        {"num_hidden_layers", 48},
        {"num_key_value_heads", 8}},
       48,
       12'187'325'040},
      {"27b",
       {{"head_dim", 128},
        {"hidden_size", 5376},
        {"intermediate_size", 21504},
        {"num_attention_heads", 32},
        {"num_hidden_layers", 62},
        {"num_key_value_heads", 16},
        {"query_pre_attn_scalar", 168}},
       62,
       27'432'406'640},
  };
  for (Published& one : out) one.text.update(common);
  return out;
}

Config config(const Published& one) {
  const json document{{"model_type", "gemma3"},
                      {"mm_tokens_per_image", 256},
                      {"eos_token_id", {1, 106}},
                      {"text_config", one.text},
                      {"vision_config",
                       {{"hidden_size", 1152},
                        {"image_size", 896},
                        {"intermediate_size", 4304},
                        {"model_type", "siglip_vision_model"},
                        {"num_attention_heads", 16},
                        {"num_hidden_layers", 27},
                        {"patch_size", 14},
                        {"vision_use_head", false}}}};
  return *parse_config(document, "config.json");
}

std::map<std::string, std::vector<std::int64_t>> named_shapes(const Config& config) {
  Vision vision(config);
  nn::Decoder decoder(config.text);
  std::map<std::string, std::vector<std::int64_t>> out;
  for (const auto& spec : tensor_specs([&](const nn::Visitor& visitor) {
         vision.visit(visitor);
         decoder.visit(visitor);
       }))
    EXPECT_TRUE(out.emplace(spec.name, spec.shape).second) << spec.name;
  return out;
}

TEST(Gemma3Names, EveryPublishedSizeHasItsTensors) {
  for (const Published& one : published()) {
    const Config parsed = config(one);
    const auto shapes = named_shapes(parsed);
    // 13 tensors a decoder layer and two more; 16 a tower layer and five more; two of the projector.
    EXPECT_EQ(shapes.size(), 13 * static_cast<std::size_t>(one.layers) + 2 + 16 * 27 + 5 + 2) << one.size;
    std::int64_t parameters = 0;
    for (const auto& [name, shape] : shapes)
      parameters += std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    EXPECT_EQ(parameters, one.parameters) << one.size;
    EXPECT_EQ(parsed.pooling_size(), 4);
    EXPECT_EQ(parsed.stop_token_ids, (std::vector<std::int64_t>{1, 106}));
    EXPECT_FALSE(parsed.pooling_head);
  }
}

TEST(Gemma3Names, ShapesFollowTheConfig) {
  using Shape = std::vector<std::int64_t>;
  const auto shapes = named_shapes(config(published()[2]));
  EXPECT_EQ(shapes.at("language_model.embed_tokens.weight"), (Shape{262208, 5376}));
  EXPECT_EQ(shapes.at("language_model.layers.61.self_attn.q_proj.weight"), (Shape{32 * 128, 5376}));
  EXPECT_EQ(shapes.at("language_model.layers.0.self_attn.v_proj.weight"), (Shape{16 * 128, 5376}));
  EXPECT_EQ(shapes.at("language_model.layers.0.self_attn.q_norm.weight"), (Shape{128}));
  EXPECT_EQ(shapes.at("language_model.layers.0.pre_feedforward_layernorm.weight"), (Shape{5376}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.patch_embedding.weight"), (Shape{1152, 3, 14, 14}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.position_embedding.weight"), (Shape{4096, 1152}));
  EXPECT_EQ(shapes.at("vision_tower.encoder.layers.26.mlp.fc1.bias"), (Shape{4304}));
  EXPECT_EQ(shapes.at("vision_tower.post_layernorm.weight"), (Shape{1152}));
  EXPECT_EQ(shapes.at("multi_modal_projector.mm_input_projection_weight"), (Shape{1152, 5376}));
  EXPECT_EQ(shapes.at("multi_modal_projector.mm_soft_emb_norm.weight"), (Shape{1152}));
}

/// How a version of the library names a canonical tensor.
struct Layout {
  const char* decoder;
  const char* head;
  const char* tower;
  const char* projector;
};

constexpr Layout layouts[]{
    {"language_model.model.", "language_model.lm_head.", "vision_tower.vision_model.",
     "multi_modal_projector."},
    {"language_model.model.", "lm_head.", "vision_tower.", "multi_modal_projector."},
    {"model.language_model.", "lm_head.", "model.vision_tower.vision_model.", "model.multi_modal_projector."},
    {"model.language_model.", "lm_head.", "model.vision_tower.", "model.multi_modal_projector."},
    {"model.language_model.model.", "model.language_model.lm_head.", "model.vision_tower.vision_model.",
     "model.multi_modal_projector."},
    {"model.", "lm_head.", "vision_tower.vision_model.", "multi_modal_projector."},
};

std::string named(const Layout& layout, const std::string& canonical) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"language_model.", layout.decoder},
                                 {"lm_head.", layout.head},
                                 {"vision_tower.", layout.tower},
                                 {"multi_modal_projector.", layout.projector}}) {
    if (canonical.starts_with(from)) return to + canonical.substr(from.size());
  }
  return canonical;
}

TEST(Gemma3Names, EveryLayoutMatches) {
  Config parsed = config(published()[0]);
  parsed.text.tie_embeddings = false;
  Vision vision(parsed);
  nn::Decoder decoder(parsed.text);
  const auto specs = tensor_specs([&](const nn::Visitor& visitor) {
    vision.visit(visitor);
    decoder.visit(visitor);
  });
  for (const Layout& layout : layouts) {
    std::map<std::string, checkpoint::TensorView> tensors;
    for (const auto& spec : specs) {
      checkpoint::TensorView view;
      view.name = named(layout, spec.name);
      view.shape = spec.shape;
      tensors.emplace(view.name, view);
    }
    const auto matched = checkpoint::match(specs, tensors, name_rules(), "here");
    ASSERT_TRUE(matched) << matched.error().message();
    EXPECT_EQ(matched->size(), specs.size()) << layout.decoder;
    tensors.erase(named(layout, "language_model.norm.weight"));
    tensors.emplace("model.audio_tower.weight", checkpoint::TensorView{});
    const auto broken = checkpoint::match(specs, tensors, name_rules(), "here");
    ASSERT_FALSE(broken);
    EXPECT_THAT(broken.error().message(),
                testing::AllOf(testing::HasSubstr("missing language_model.norm.weight [2560]"),
                               testing::HasSubstr("unexpected model.audio_tower.weight")));
  }
}

}  // namespace
}  // namespace holisafe::models::gemma3
