#include "models/adapter.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Adapters : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_adapter_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// An adapter of these fields and tensors (name, shape).
  Result<Adapter> read(const std::string& fields,
                       const std::map<std::string, std::vector<std::int64_t>>& tensors) {
    EXPECT_TRUE(write_file_atomic(folder_ / "adapter_config.json",
                                  R"({"peft_type":"LORA","r":2,"lora_alpha":8)" + fields + "}"));
    std::vector<checkpoint::TensorSource> sources;
    for (const auto& [name, shape] : tensors)
      sources.push_back(source_of("base_model.model." + name, at::ones(shape, torch::kFloat32)));
    EXPECT_TRUE(checkpoint::write_safetensors(folder_ / "adapter_model.safetensors", std::move(sources), {}));
    return read_adapter(folder_);
  }

  static std::map<std::string, std::vector<std::int64_t>> pair_of(const std::string& module,
                                                                  std::int64_t rank = 2) {
    return {{module + ".lora_A.weight", {rank, 4}}, {module + ".lora_B.weight", {3, rank}}};
  }

  std::string refused(const std::string& fields,
                      const std::map<std::string, std::vector<std::int64_t>>& tensors) {
    const auto adapter = read(fields, tensors);
    return adapter ? "read" : adapter.error().message();
  }

  fs::path folder_;
  const std::string layer_ = "language_model.model.layers.0.self_attn.q_proj";
};

TEST_F(Adapters, NamesOfEveryVersionAreOne) {
  for (const auto& [module, canonical] : std::map<std::string, std::string>{
           {"model.language_model.layers.1.mlp.up_proj", "language_model.layers.1.mlp.up_proj"},
           {"language_model.model.layers.1.mlp.up_proj", "language_model.layers.1.mlp.up_proj"},
           {"model.layers.1.mlp.up_proj", "language_model.layers.1.mlp.up_proj"},
           {"vision_tower.vision_model.encoder.layers.0.mlp.fc1", "vision_tower.encoder.layers.0.mlp.fc1"},
           {"model.vision_tower.vision_model.encoder.layers.0.mlp.fc1",
            "vision_tower.encoder.layers.0.mlp.fc1"},
           {"model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1",
            "vision_tower.encoder.layers.0.mlp.fc1"},
           {"model.vision_tower.encoder.layers.0.mlp.fc1", "vision_tower.encoder.layers.0.mlp.fc1"},
           {"model.visual.blocks.0.mlp.up_proj", "visual.blocks.0.mlp.up_proj"},
           {"model.mm_projector.2", "multi_modal_projector.linear_2"},
           {"language_model.lm_head", "lm_head"},
           {"lm_head", "lm_head"}}) {
    const auto adapter = read("", pair_of(module));
    ASSERT_TRUE(adapter) << adapter.error().message();
    EXPECT_TRUE(adapter->modules.contains(canonical)) << module << adapter->modules.begin()->first;
  }
}

TEST_F(Adapters, PatternsGiveRankAndScale) {
  const auto read_with = [this](const std::string& fields, std::int64_t rank) {
    const auto adapter = read(fields, pair_of(layer_, rank));
    EXPECT_TRUE(adapter) << adapter.error().message();
    return adapter ? adapter->modules.begin()->second.scale : 0;
  };
  EXPECT_EQ(read_with("", 2), 4);
  EXPECT_EQ(read_with(R"(,"rank_pattern":{"q_proj":4})", 4), 2);
  EXPECT_EQ(read_with(R"(,"rank_pattern":{"layers.0.self_attn.q_proj":4},"alpha_pattern":{"q_proj":2})", 4),
            0.5);
  EXPECT_EQ(read_with(R"(,"rank_pattern":{".*layers\\.[01]\\..*":4},"use_rslora":true)", 4), 4);
  EXPECT_EQ(read_with(R"(,"alpha_pattern":{"_proj":2,"proj":2,"layers.0":2})", 2), 4);  // no whole part
  EXPECT_EQ(read_with(R"(,"alpha_pattern":{"^language_model.model.layers.0.self_attn.q_proj":2})", 2), 1);
  // Of two that fit, the file's first.
  EXPECT_EQ(read_with(R"(,"alpha_pattern":{"self_attn.q_proj":2,"q_proj":16})", 2), 1);
  EXPECT_EQ(read_with(R"(,"alpha_pattern":{"q_proj":16,"layers.0.self_attn.q_proj":2})", 2), 8);
  EXPECT_THAT(refused(R"(,"rank_pattern":{"q_proj":4})", pair_of(layer_)), HasSubstr("expected rank 4"));
  EXPECT_THAT(refused(R"(,"rank_pattern":{"(":4})", pair_of(layer_)), HasSubstr("adapter_config.json"));
  EXPECT_THAT(refused(R"(,"alpha_pattern":{"q_proj":-1})", pair_of(layer_)), HasSubstr("alpha_pattern"));
  // One that takes for ever gives up and is named.
  EXPECT_THAT(
      refused(R"(,"rank_pattern":{"(?:a|aa)+[bc]":4})", pair_of("model.layers.0." + std::string(200, 'a'))),
      HasSubstr("adapter_config.json"));
}

TEST_F(Adapters, BeginningsThatChangeTheBaseAreRefused) {
  for (const char* fine : {"true", "false", "null", "\"gaussian\"", "\"eva\"", "\"orthogonal\""})
    EXPECT_TRUE(read(std::string(R"(,"init_lora_weights":)") + fine, pair_of(layer_))) << fine;
  for (const char* changing :
       {"pissa", "pissa_niter_16", "PiSSA", "olora", "corda", "loftq", "lora_ga", "something"}) {
    EXPECT_THAT(refused(std::string(R"(,"init_lora_weights":")") + changing + "\"", pair_of(layer_)),
                testing::AllOf(HasSubstr("init_lora_weights"), HasSubstr(changing)));
  }
}

TEST_F(Adapters, PatternsAreBounded) {
  std::string patterns;
  for (int i = 0; i < 4096; ++i) patterns += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":2";
  EXPECT_TRUE(read(R"(,"alpha_pattern":{)" + patterns + "}", pair_of(layer_)));
  EXPECT_THAT(refused(R"(,"alpha_pattern":{"x":1,)" + patterns + "}", pair_of(layer_)),
              testing::AllOf(HasSubstr("alpha_pattern"), HasSubstr("at most 4096")));
}

TEST_F(Adapters, WeightsLeftBesideAreNamed) {
  for (const char* name : {"non_lora_trainables.bin", "non_lora_state_dict.bin"}) {
    ASSERT_TRUE(write_file_atomic(folder_ / name, "PK"));
    EXPECT_THAT(refused("", pair_of(layer_)), HasSubstr(name));
    fs::remove(folder_ / name);
  }
  ASSERT_TRUE(read("", pair_of(layer_)));
  fs::rename(folder_ / "adapter_model.safetensors", folder_ / "adapter_model.bin");
  EXPECT_THAT(read_adapter(folder_).error().message(), HasSubstr("adapter_model.bin"));
}

TEST_F(Adapters, MagnitudesGoWithDora) {
  auto tensors = pair_of(layer_);
  EXPECT_THAT(refused(R"(,"use_dora":true)", tensors), HasSubstr("lora_magnitude_vector"));
  tensors[layer_ + ".lora_magnitude_vector"] = {3};
  const auto adapter = read(R"(,"use_dora":true)", tensors);
  ASSERT_TRUE(adapter) << adapter.error().message();
  EXPECT_EQ(adapter->modules.begin()->second.magnitude.size(0), 3);
  EXPECT_THAT(refused("", tensors), HasSubstr("without use_dora"));
  tensors[layer_ + ".lora_magnitude_vector"] = {4};
  EXPECT_THAT(refused(R"(,"use_dora":true)", tensors), HasSubstr("expected lora_magnitude_vector [3]"));
}

TEST_F(Adapters, ModulesToSaveAreWholeWeights) {
  auto tensors = pair_of(layer_);
  EXPECT_THAT(refused(R"(,"modules_to_save":["lm_head"])", tensors), HasSubstr("lm_head"));
  tensors["language_model.lm_head.weight"] = {5, 4};
  tensors["model.multi_modal_projector.linear_1.modules_to_save.bias"] = {5};
  const auto adapter = read(R"(,"modules_to_save":["lm_head","multi_modal_projector"])", tensors);
  ASSERT_TRUE(adapter) << adapter.error().message();
  EXPECT_TRUE(adapter->saved.contains("lm_head.weight"));
  EXPECT_TRUE(adapter->saved.contains("multi_modal_projector.linear_1.bias"));
  tensors = pair_of("lm_head");
  tensors["lm_head.base_layer.weight"] = {3, 4};
  const auto on_head = read("", tensors);
  ASSERT_TRUE(on_head) << on_head.error().message();
  EXPECT_TRUE(on_head->saved.contains("lm_head.weight") && on_head->modules.contains("lm_head"));
  tensors["lm_head.weight"] = {3, 4};
  EXPECT_THAT(refused("", tensors), HasSubstr("lm_head"));
  tensors = pair_of(layer_);
  tensors["model.embed_tokens.lora_embedding_A"] = {2, 5};
  EXPECT_THAT(refused("", tensors), HasSubstr("lora_embedding_A"));
}

}  // namespace
}  // namespace holisafe::models
