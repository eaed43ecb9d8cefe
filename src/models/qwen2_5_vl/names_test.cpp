// Every tensor of the released sizes by name and shape, without weights.
#include "models/qwen2_5_vl/names.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "models/qwen2_5_vl/config.h"
#include "models/qwen2_5_vl/reference_file.h"
#include "models/qwen2_5_vl/vision.h"
#include "models/weights.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

using Tensors = std::map<std::string, checkpoint::TensorView>;

/// From names of transformers 5 to those of another version.
using Renaming = std::vector<checkpoint::PrefixRule>;
const Renaming flat{{"model.language_model.", "model."}, {"model.visual.", "visual."}};
const Renaming nested{};
const Renaming inner{{"model.language_model.", "language_model.model."},
                     {"model.visual.", "visual."},
                     {"lm_head.", "language_model.lm_head."}};

Tensors stand_ins(const nlohmann::json& rows, const Renaming& renaming) {
  Tensors out;
  const auto add = [&](const std::string& name, const nlohmann::json& shape) {
    checkpoint::TensorView view;
    view.name = checkpoint::canonical_name(name, {renaming, {}});
    view.shape = shape.get<std::vector<std::int64_t>>();
    out[view.name] = view;
  };
  for (const auto& row : rows) {
    const auto pattern = row[0].get<std::string>();
    const auto layers = row[1].get<int>();
    const auto hole = pattern.find("{}");
    if (layers == 0) add(pattern, row[2]);
    for (int i = 0; i < layers; ++i) {
      add(pattern.substr(0, hole) + std::to_string(i) + pattern.substr(hole + 2), row[2]);
    }
  }
  return out;
}

std::vector<checkpoint::TensorSpec> specs_of(const Config& config) {
  VisionTower tower(config.vision);
  nn::Decoder decoder(config.text);
  return tensor_specs([&](const nn::Visitor& visitor) {
    tower.visit(visitor);
    decoder.visit(visitor);
  });
}

class Released : public testing::TestWithParam<const char*> {};

TEST_P(Released, TensorsAreTheReferences) {
  const auto all = reference("released");
  ASSERT_TRUE(all.contains(GetParam()));
  const auto& one = all[GetParam()];
  const auto config = parse_config(one["config"], "config.json");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(config->nested);
  const auto specs = specs_of(*config);
  for (const Renaming& renaming : {flat, nested, inner}) {
    const auto tensors = stand_ins(one["tensors"], renaming);
    EXPECT_EQ(tensors.size(), specs.size());
    const auto matched = checkpoint::match(specs, tensors, name_rules(), GetParam());
    EXPECT_TRUE(matched) << matched.error().message();
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Released, testing::Values("3b", "7b", "32b", "72b"));

TEST(Names, AMissingAndAnUnknownTensorAreNamed) {
  const auto one = reference("released")["3b"];
  const auto config = parse_config(one["config"], "config.json");
  ASSERT_TRUE(config);
  auto tensors = stand_ins(one["tensors"], flat);
  tensors.erase("visual.merger.ln_q.weight");
  tensors["visual.blocks.32.norm1.weight"].shape = {1280};
  const auto matched = checkpoint::match(specs_of(*config), tensors, name_rules(), "3b");
  ASSERT_FALSE(matched);
  EXPECT_NE(matched.error().message().find("visual.merger.ln_q.weight"), std::string::npos);
  EXPECT_NE(matched.error().message().find("visual.blocks.32.norm1.weight"), std::string::npos);
}

}  // namespace
}  // namespace holisafe::models::qwen2_5_vl
