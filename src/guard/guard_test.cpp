#include "guard/guard.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "guard/file.h"
#include "models/weights.h"

namespace holisafe::guard {
namespace {

namespace fs = std::filesystem;

fs::path testdata(const std::string& name) {
  return fs::path(HOLISAFE_SOURCE_DIR) / "src/guard/testdata" / name;
}

/// Tensors of reference.safetensors (tools/fixtures/guard.py), float32.
torch::Tensor reference(const std::string& name) {
  const auto file = checkpoint::SafetensorsFile::open(testdata("reference.safetensors")).value();
  models::LoadOptions options;
  options.writable = true;
  return models::weight(*file.find(name), options).value();
}

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

class Guards : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_guard_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// guard.safetensors written anew with other tensors or metadata; the kind of error that reading it gives.
  ErrorKind kind_of(const std::function<void(std::map<std::string, checkpoint::TensorView>&,
                                             std::map<std::string, std::string>&)>& change,
                    std::string* message = nullptr) {
    const auto file = checkpoint::SafetensorsFile::open(testdata("guard.safetensors")).value();
    std::map<std::string, checkpoint::TensorView> tensors;
    for (const auto& view : file.tensors()) tensors.emplace(view.name, view);
    auto metadata = file.metadata();
    change(tensors, metadata);
    std::vector<checkpoint::TensorSource> sources;
    for (auto& [name, view] : tensors) {
      view.name = name;
      sources.push_back(checkpoint::source_of(view));
    }
    const auto path = folder_ / "changed.safetensors";
    EXPECT_TRUE(checkpoint::write_safetensors(path, std::move(sources), metadata));
    const auto guard = read(path);
    EXPECT_FALSE(guard);
    if (guard) return ErrorKind::internal;
    if (message != nullptr) *message = guard.error().message();
    EXPECT_NE(guard.error().message().find("changed.safetensors"), std::string::npos);
    return guard.error().kind;
  }

  fs::path folder_;
};

constexpr auto spans = std::to_array<models::ImageSpan>({{0, 2, 5}, {1, 7, 11}});

TEST_F(Guards, GivesWhatPyTorchGives) {
  const auto guard = read(testdata("guard.safetensors")).value();
  EXPECT_EQ(guard.info().pooling, models::GuardPooling::last_hidden);
  EXPECT_EQ(guard.hidden_layers(), 1);
  EXPECT_EQ(guard.hidden_scale(), 0.5);
  const auto pooled = pool_hidden(reference("hidden_states"), spans);
  EXPECT_LT(difference(pooled, reference("pooled")), 1e-6);
  EXPECT_LT(difference(guard.forward(pooled), reference("logits")), 1e-5);
  const auto verdict = guard.judge(pooled).value();
  const auto expected = reference("probabilities");
  double sum = 0;
  for (std::size_t i = 0; i < verdict.scores.size(); ++i) {
    EXPECT_NEAR(verdict.scores[i], expected[static_cast<std::int64_t>(i)].item<double>(), 1e-6);
    sum += verdict.scores[i];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(static_cast<std::int64_t>(verdict.label), expected.argmax().item<std::int64_t>());
  EXPECT_EQ(verdict.score(), verdict.scores[verdict.label]);
}

TEST_F(Guards, GivesWhatPyTorchGivesWithTwoHiddenLayersAndCalibration) {
  const auto guard = read(testdata("deep.safetensors")).value();
  EXPECT_EQ(guard.hidden_layers(), 2);
  EXPECT_EQ(guard.info().temperature, 1.75);
  ASSERT_EQ(guard.info().thresholds.size(), 20U);
  EXPECT_EQ(guard.info().thresholds[19], 0.68);
  const auto hidden = reference("hidden_states");
  const std::vector<torch::Tensor> features{hidden.slice(0, 2, 5), hidden.slice(0, 7, 11)};
  const auto pooled = pool_features(features);
  EXPECT_LT(difference(pooled, reference("projected")), 1e-6);
  EXPECT_LT(difference(guard.forward(pooled), reference("deep_logits")), 1e-5);
  const auto verdict = guard.judge(pooled).value();
  const auto expected = reference("deep_probabilities");
  for (std::size_t i = 0; i < verdict.scores.size(); ++i)
    EXPECT_NEAR(verdict.scores[i], expected[static_cast<std::int64_t>(i)].item<double>(), 1e-6);
}

TEST_F(Guards, GradientsEqualPyTorchs) {
  auto guard = read(testdata("guard.safetensors")).value();
  std::map<std::string, torch::Tensor> weights;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    EXPECT_EQ(parameter.part, nn::Part::guard);
    weights[parameter.name] = parameter.floats().requires_grad_();
  };
  guard.visit("", visitor);
  auto pooled = reference("pooled").requires_grad_();
  const auto label = at::full({1}, 16, torch::kInt64);
  at::cross_entropy_loss(guard.forward(pooled).unsqueeze(0), label).backward();
  EXPECT_LT(difference(pooled.grad(), reference("grad.pooled")), 1e-6);
  EXPECT_LT(difference(weights.at("mlp.0.weight").grad(), reference("grad.mlp.0.weight")), 1e-6);
  EXPECT_LT(difference(weights.at("mlp.3.bias").grad(), reference("grad.mlp.3.bias")), 1e-6);
}

TEST_F(Guards, DropoutDropsInTrainingOnly) {
  const auto guard = read(testdata("guard.safetensors")).value();
  const auto pooled = reference("pooled");
  EXPECT_GT(difference(guard.forward(pooled, 0.5), guard.forward(pooled, 0.5)), 1e-3);
  EXPECT_EQ(difference(guard.forward(pooled), guard.forward(pooled)), 0);
}

TEST_F(Guards, WritesWhatItReads) {
  for (const char* name : {"guard.safetensors", "deep.safetensors"}) {
    auto guard = read(testdata(name)).value();
    ASSERT_TRUE(write(guard, folder_ / "a.safetensors"));
    auto again = read(folder_ / "a.safetensors").value();
    EXPECT_EQ(again.info().temperature, guard.info().temperature);
    EXPECT_EQ(again.info().thresholds, guard.info().thresholds);
    EXPECT_EQ(again.info().pooling, guard.info().pooling);
    EXPECT_EQ(difference(again.forward(reference("pooled")), guard.forward(reference("pooled"))), 0);
    ASSERT_TRUE(write(again, folder_ / "b.safetensors"));
    EXPECT_EQ(read_file(folder_ / "a.safetensors").value(), read_file(folder_ / "b.safetensors").value());
  }
}

TEST_F(Guards, RandomGuardsDependOnTheSeedAlone) {
  GuardInfo info;
  info.hidden_size = 10;
  const auto pooled = at::ones({10});
  const auto logits = Guard::random(info, 0.5, 1, 3).forward(pooled);
  EXPECT_EQ(logits.sizes().vec(), std::vector<std::int64_t>{20});
  EXPECT_EQ(difference(Guard::random(info, 0.5, 1, 3).forward(pooled), logits), 0);
  EXPECT_GT(difference(Guard::random(info, 0.5, 1, 4).forward(pooled), logits), 1e-3);
  EXPECT_EQ(Guard::random(info, 0.5, 3, 3).hidden_layers(), 3);
  EXPECT_EQ(Guard::random(info, 0.5, 0, 3).hidden_layers(), 0);
}

TEST_F(Guards, RefusesNumbersThatAreNone) {
  auto guard = read(testdata("guard.safetensors")).value();
  const auto verdict = guard.judge(at::full({24}, std::numeric_limits<float>::quiet_NaN()));
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().kind, ErrorKind::not_finite);
}

TEST_F(Guards, AnotherHiddenSizeNamesBoth) {
  const auto guard = read(testdata("guard.safetensors")).value();
  models::ModelInfo model;
  model.family = model.model_type = "llava";
  model.hidden_size = 4096;
  const auto fits = guard.check_fits(model, "guard.safetensors");
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().kind, ErrorKind::mismatch);
  EXPECT_NE(fits.error().message().find("4096"), std::string::npos);
  EXPECT_NE(fits.error().message().find("24"), std::string::npos);
}

TEST_F(Guards, AnotherFamilyIsRefusedWithBothNamed) {
  auto guard = read(testdata("guard.safetensors")).value();
  models::ModelInfo model;
  model.hidden_size = guard.info().hidden_size;
  const auto fits = [&](const char* family, const char* model_type, const char* guards) {
    model.family = family;
    model.model_type = model_type;
    guard.info().model_type = guards;
    return guard.check_fits(model, "guard.safetensors");
  };
  EXPECT_TRUE(fits("llava", "llava_llama", "llava"));
  EXPECT_TRUE(fits("llava", "llava", "llava_llama"));
  EXPECT_TRUE(fits("qwen2_5_vl", "qwen2_5_vl", "qwen2_5_vl"));
  EXPECT_TRUE(fits("gemma3", "gemma3", "gemma3"));
  for (const char* foreign : {"qwen2_5_vl", "gemma3", "mllama", ""}) {
    const auto refused = fits("llava", "llava_llama", foreign);
    ASSERT_FALSE(refused) << foreign;
    EXPECT_EQ(refused.error().kind, ErrorKind::mismatch);
    const std::string message = refused.error().message();
    EXPECT_NE(message.find("guard.safetensors"), std::string::npos) << message;
    EXPECT_NE(message.find("llava_llama"), std::string::npos) << message;
    EXPECT_NE(message.find(std::string("found ") + foreign), std::string::npos) << message;
  }
}

TEST_F(Guards, EveryFaultOfAFileHasItsKind) {
  using E = ErrorKind;
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata.erase("format"); }), E::missing);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["format"] = "holisafe-guard/9"; }), E::unsupported);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata.erase("categories"); }), E::missing);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["categories"] = "safe,"; }), E::malformed);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["categories"] = "\"safe\""; }), E::wrong_type);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["categories"] = "[\"safe\",\"unsafe\"]"; }),
            E::mismatch);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) {
              auto& text = metadata["categories"];
              text.replace(text.find("race"), 4, "rice");
            }),
            E::mismatch);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["hidden_size"] = "24 "; }), E::malformed);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["hidden_size"] = "25"; }), E::mismatch);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["pooling"] = "max"; }), E::unsupported);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata.erase("model_type"); }), E::missing);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["temperature"] = "0"; }), E::out_of_range);
  EXPECT_EQ(kind_of([](auto&, auto& metadata) { metadata["thresholds"] = "[0.5]"; }), E::wrong_type);
  EXPECT_EQ(kind_of([](auto& tensors, auto&) { tensors.erase("mlp.0.bias"); }), E::missing);
  EXPECT_EQ(kind_of([](auto& tensors, auto&) { tensors.erase("mlp.3.weight"); }), E::unexpected);
  EXPECT_EQ(kind_of([](auto& tensors, auto&) { tensors["mlp.1.bias"] = tensors["mlp.3.bias"]; }),
            E::unexpected);
  EXPECT_EQ(kind_of([](auto& tensors, auto&) { tensors["mlp.0.bias"] = tensors["mlp.3.bias"]; }),
            E::mismatch);
}

TEST_F(Guards, AcceptsTheOtherSpellings) {
  const auto file = checkpoint::SafetensorsFile::open(testdata("guard.safetensors")).value();
  std::vector<checkpoint::TensorSource> sources;
  for (const auto& view : file.tensors()) sources.push_back(checkpoint::source_of(view));
  auto metadata = file.metadata();
  auto& text = metadata["categories"];
  for (const char* word : {"gender", "race", "religion"})
    text.replace(text.find(word), std::string(word).size(), std::string(word) + "_discrimination");
  ASSERT_TRUE(checkpoint::write_safetensors(folder_ / "x.safetensors", std::move(sources), metadata));
  EXPECT_TRUE(read(folder_ / "x.safetensors"));
}

class InCheckpoint : public Guards {
 protected:
  /// A checkpoint whose only tensors are the fixture's under `prefix`, with these config keys.
  Result<std::optional<Guard>> open(const std::string& prefix, const nlohmann::ordered_json& config) {
    const auto file = checkpoint::SafetensorsFile::open(testdata("guard.safetensors")).value();
    std::vector<checkpoint::TensorSource> sources;
    for (auto view : file.tensors()) {
      view.name = prefix + view.name;
      sources.push_back(checkpoint::source_of(view));
    }
    EXPECT_TRUE(checkpoint::write_weights(folder_, std::move(sources)));
    EXPECT_TRUE(checkpoint::write_json(folder_ / "config.json", config));
    const auto checkpoint = checkpoint::Checkpoint::open(folder_).value();
    models::ModelInfo model;
    model.hidden_size = 24;
    model.guard_pooling = models::GuardPooling::projector;
    return in_checkpoint(checkpoint, model);
  }
};

TEST_F(InCheckpoint, IsFoundBehindAnyPrefix) {
  for (const char* prefix :
       {"img_safety_head.", "model.img_safety_head.", "base_model.model.img_safety_head."}) {
    const auto guard = open(prefix, {{"num_safety_categories", 20}, {"safety_loss_lambda", 0.5}}).value();
    ASSERT_TRUE(guard);
    EXPECT_LT(difference(guard->forward(reference("pooled")), reference("logits")), 1e-5);
    EXPECT_EQ(guard->info().pooling, models::GuardPooling::projector)
        << "the family's, where nothing is said";
    EXPECT_EQ(guard->info().loss_lambda, 0.5);
  }
}

TEST_F(InCheckpoint, ReadsTheKeysItWrites) {
  auto deep = read(testdata("deep.safetensors")).value();
  const auto guard = open("img_safety_head.", config_keys(deep)).value();
  ASSERT_TRUE(guard);
  EXPECT_EQ(guard->info().pooling, models::GuardPooling::projector);
  EXPECT_EQ(guard->info().temperature, 1.75);
  EXPECT_EQ(guard->info().thresholds, deep.info().thresholds);
}

TEST_F(InCheckpoint, AbsentIsNothingButAnnouncedAndAbsentIsAnError) {
  EXPECT_FALSE(open("lm_head.", {{"model_type", "llava"}}).value());
  EXPECT_FALSE(open("lm_head.", {{"num_safety_categories", 0}}).value());
  const auto announced = open("lm_head.", {{"num_safety_categories", 20}});
  ASSERT_FALSE(announced);
  EXPECT_EQ(announced.error().kind, ErrorKind::missing);
  const auto other = open("img_safety_head.", {{"num_safety_categories", 2}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::mismatch);
}

}  // namespace
}  // namespace holisafe::guard
