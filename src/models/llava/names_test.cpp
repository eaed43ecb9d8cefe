// Names and shapes of LLaVA's tensors, without weights of real size.
#include "models/llava/names.h"

#include <functional>
#include <map>
#include <numeric>

#include <gmock/gmock.h>

#include "models/llava/llava_case.h"

namespace holisafe::models::llava {
namespace {

using testing::HasSubstr;

std::int64_t parameters(const std::vector<checkpoint::TensorSpec>& specs) {
  std::int64_t count = 0;
  for (const auto& spec : specs)
    count += std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1}, std::multiplies<>());
  return count;
}

/// Tensors without bytes under other names: what a checkpoint's header says.
template <class Rename>
std::map<std::string, checkpoint::TensorView> header(const std::vector<checkpoint::TensorSpec>& specs,
                                                     Rename rename) {
  std::map<std::string, checkpoint::TensorView> out;
  for (const auto& spec : specs) {
    checkpoint::TensorView view;
    view.name = rename(spec.name);
    view.shape = spec.shape;
    out.emplace(view.name, view);
  }
  return out;
}

std::string prefixed(std::string name, const std::string& from, const std::string& to) {
  return name.starts_with(from) ? to + name.substr(from.size()) : name;
}

TEST_F(LlavaTest, RealSizesHaveTheirParameters) {
  // vocabulary of llava-hf: 32064 rows, of the original: 32000; the tower's 303,507,456 among them
  EXPECT_EQ(parameters(specs(released_7b())), 7'063'427'072);
  EXPECT_EQ(parameters(specs(released_13b())), 13'351'494'656);
  EXPECT_EQ(parameters(specs(original_7b())), 7'063'427'072 - 2 * 64 * 4096);
  EXPECT_EQ(specs(released_7b()).size(), 1 + 32 * 9 + 1 + 1 + 3 + 2 + 24 * 16 + 2 + 4);
}

TEST_F(LlavaTest, TensorsOfTheRealSizesHaveTheirShapes) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& spec : specs(released_7b())) shapes[spec.name] = spec.shape;
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shapes.at("language_model.embed_tokens.weight"), (Shape{32064, 4096}));
  EXPECT_EQ(shapes.at("lm_head.weight"), (Shape{32064, 4096}));
  EXPECT_EQ(shapes.at("language_model.layers.31.self_attn.k_proj.weight"), (Shape{4096, 4096}));
  EXPECT_EQ(shapes.at("language_model.layers.0.mlp.down_proj.weight"), (Shape{4096, 11008}));
  EXPECT_EQ(shapes.at("language_model.norm.weight"), (Shape{4096}));
  EXPECT_EQ(shapes.at("multi_modal_projector.linear_1.weight"), (Shape{4096, 1024}));
  EXPECT_EQ(shapes.at("multi_modal_projector.linear_2.bias"), (Shape{4096}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.class_embedding"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.patch_embedding.weight"), (Shape{1024, 3, 14, 14}));
  EXPECT_EQ(shapes.at("vision_tower.embeddings.position_embedding.weight"), (Shape{577, 1024}));
  EXPECT_EQ(shapes.at("vision_tower.pre_layrnorm.bias"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.encoder.layers.23.self_attn.out_proj.bias"), (Shape{1024}));
  EXPECT_EQ(shapes.at("vision_tower.encoder.layers.23.mlp.fc1.weight"), (Shape{4096, 1024}));
}

TEST_F(LlavaTest, EveryPrefixInTheWildIsAccepted) {
  const std::vector<std::string> language{"language_model.model.", "model.language_model.",
                                          "model.language_model.model.", "model.", "language_model."};
  const std::vector<std::string> tower{"vision_tower.vision_model.",
                                       "vision_tower.",
                                       "model.vision_tower.vision_model.",
                                       "model.vision_tower.",
                                       "model.vision_tower.vision_tower.vision_model.",
                                       "model.vision_tower.vision_tower."};
  const std::vector<std::string> heads{"lm_head", "language_model.lm_head", "model.language_model.lm_head"};
  const std::vector<std::pair<std::string, std::string>> projectors{
      {"multi_modal_projector.linear_1.", "multi_modal_projector.linear_2."},
      {"model.multi_modal_projector.linear_1.", "model.multi_modal_projector.linear_2."},
      {"model.mm_projector.0.", "model.mm_projector.2."}};
  for (const Json& config : {released_7b(), released_13b(), original_7b()}) {
    const auto wanted = specs(config);
    for (std::size_t i = 0; i < 30; ++i) {
      const auto& [first, second] = projectors[i % projectors.size()];
      const auto tensors = header(wanted, [&, &first = first, &second = second](std::string name) {
        name = prefixed(name, "language_model.", language[i % language.size()]);
        name = prefixed(name, "vision_tower.", tower[i % tower.size()]);
        name = prefixed(name, "lm_head", heads[i % heads.size()]);
        name = prefixed(name, "multi_modal_projector.linear_1.", first);
        return prefixed(name, "multi_modal_projector.linear_2.", second);
      });
      const auto matched = checkpoint::match(wanted, tensors, name_rules(), "here");
      ASSERT_TRUE(matched) << matched.error().message().substr(0, 500);
      EXPECT_EQ(matched->size(), wanted.size());
    }
  }
}

TEST_F(LlavaTest, WrittenNamesAreReadBack) {
  for (const auto& spec : specs(released_7b())) {
    EXPECT_EQ(checkpoint::canonical_name(hf_name(spec.name), name_rules()), spec.name);
    EXPECT_EQ(checkpoint::canonical_name(original_name(spec.name), name_rules()), spec.name);
  }
  EXPECT_EQ(original_name("multi_modal_projector.linear_2.bias"), "model.mm_projector.2.bias");
  EXPECT_EQ(original_name("vision_tower.pre_layrnorm.bias"),
            "model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias");
  EXPECT_EQ(hf_name("lm_head.weight"), "language_model.lm_head.weight");
}

TEST_F(LlavaTest, EveryMissingUnexpectedAndMisshapenTensorIsListed) {
  const auto wanted = specs(released_7b());
  auto tensors = header(wanted, hf_name);
  tensors.erase("language_model.lm_head.weight");
  tensors.at("multi_modal_projector.linear_1.weight").shape = {4096, 768};
  tensors["language_model.model.image_newline"] = {};
  tensors["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = {};
  tensors["vision_tower.vision_model.embeddings.position_ids"] = {};
  const auto matched = checkpoint::match(wanted, tensors, name_rules(), "here");
  ASSERT_FALSE(matched);
  EXPECT_EQ(matched.error().kind, ErrorKind::mismatch);
  const std::string message = matched.error().message();
  EXPECT_THAT(message, HasSubstr("missing lm_head.weight [32064, 4096]"));
  EXPECT_THAT(message, HasSubstr("expected [4096, 1024], found [4096, 768]"));
  EXPECT_THAT(message, HasSubstr("unexpected language_model.model.image_newline"));
  EXPECT_THAT(message, testing::Not(HasSubstr("inv_freq")));
  EXPECT_THAT(message, testing::Not(HasSubstr("position_ids")));
}

}  // namespace
}  // namespace holisafe::models::llava
