// Gradients against finite differences: the adapter, the guard's loss, and the whole joint loss of a tiny
// model.
#include <filesystem>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "base/file.h"
#include "image/image.h"
#include "models/llava/synth.h"
#include "nn/linear.h"
#include "train/joint_loss.h"

namespace holisafe::train {
namespace {

using torch::Tensor;

/// The derivative of `loss` along `direction` of `parameter`, by central differences.
double difference(const std::function<Tensor()>& loss, Tensor parameter, const Tensor& direction,
                  double step) {
  const torch::NoGradGuard no_grad;
  parameter.add_(direction, step);
  const double above = loss().item<double>();
  parameter.sub_(direction, 2 * step);
  const double below = loss().item<double>();
  parameter.add_(direction, step);
  return (above - below) / (2 * step);
}

TEST(Gradient, AdapterInDoublePrecision) {
  torch::manual_seed(1);
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  nn::Linear linear{at::randn({5, 7}, options), at::randn({5}, options), nn::Lora{}};
  linear.lora->a = at::randn({3, 7}, options).requires_grad_();
  linear.lora->b = at::randn({5, 3}, options).requires_grad_();
  linear.lora->scale = 1.7;
  const Tensor x = at::randn({4, 7}, options).requires_grad_();
  const auto loss = [&] { return linear.forward(x).tanh().sum(); };
  loss().backward();
  EXPECT_FALSE(linear.weight.floats().grad().defined());  // frozen: no buffer
  for (const Tensor& parameter : {linear.lora->a, linear.lora->b, x}) {
    const Tensor direction = at::randn_like(parameter.detach());
    const double expected = difference(loss, parameter, direction, 1e-6);
    EXPECT_NEAR((parameter.grad() * direction).sum().item<double>(), expected,
                1e-6 * std::abs(expected) + 1e-8);
  }
}

TEST(Gradient, GuardLossInDoublePrecision) {
  torch::manual_seed(2);
  const Tensor logits = at::randn({6, 20}, torch::kFloat64).requires_grad_();
  const Tensor labels = torch::tensor({0, 19, 4, 4, 7, 1}, torch::kInt64);
  const auto loss = [&] { return guard_losses(logits, labels).guard; };
  loss().backward();
  const Tensor direction = at::randn_like(logits.detach());
  const double expected = difference(loss, logits, direction, 1e-6);
  EXPECT_NEAR((logits.grad() * direction).sum().item<double>(), expected, 1e-6 * std::abs(expected));
}

/// A tiny random model with two labelled samples, one with a picture shown twice, and one of text alone.
class JointGradient : public testing::Test {
 protected:
  void SetUp() override {
    // Tests run side by side, each in a process of its own.
    const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::path(testing::TempDir()) / ("joint_gradient_" + test);
    std::filesystem::remove_all(folder_);
    ASSERT_TRUE(make_folders(folder_ / "images"));
    image::Image picture{40, 30, std::vector<std::uint8_t>(3600)};
    for (std::size_t i = 0; i < picture.rgb.size(); ++i)
      picture.rgb[i] = static_cast<std::uint8_t>(i * i % 251);
    ASSERT_TRUE(write_file_atomic(folder_ / "images/a.png", *image::encode_png(picture)));
    const char* data = R"([
      {"id": 1, "image": "a.png", "image_safety_label": 3,
       "conversations": [{"from": "human", "value": "<image>\nwhat?"}, {"from": "gpt", "value": "a thing"}]},
      {"id": 2, "image": ["a.png", "a.png"], "image_safety_label": 0,
       "conversations": [{"from": "human", "value": "both?"}, {"from": "gpt", "value": "the same"}]},
      {"id": 3, "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello there"}]}])";
    ASSERT_TRUE(write_file_atomic(folder_ / "data.json", data));
    models::SynthRequest request;
    request.preset = "tiny";
    request.out = folder_ / "base";
    ASSERT_TRUE(models::llava::synth(request));
    settings_.model = folder_ / "base";
    settings_.data = folder_ / "data.json";
    settings_.images = folder_ / "images";
    settings_.lora_rank = 4;
    settings_.lora_alpha = 8;
    settings_.lora_dropout = 0;
  }

  Settings settings_;
  std::filesystem::path folder_;
};

TEST_F(JointGradient, AgreesAlongRandomDirections) {
  auto trained = prepare(settings_);
  ASSERT_TRUE(trained) << trained.error().message();
  const auto set = read_samples(settings_);
  ASSERT_TRUE(set) << set.error().message();
  ImageCache images(*trained->model, set->images, 1 << 20);
  const Collator collator(*trained->model, *set, images, {512});
  const auto batch = collator.make({0, 1, 2});
  ASSERT_TRUE(batch) << batch.error().message();
  EXPECT_EQ(batch->images.size(), 1U);
  EXPECT_EQ(batch->shown.size(), 3U);
  EXPECT_EQ(batch->labelled_count(), 2);
  const auto loss = [&] {
    const Losses losses = joint_losses(*trained, *batch, {});
    return losses.lm / 10 + losses.guard;
  };
  torch::manual_seed(4);
  for (TrainedTensor& tensor : trained->tensors) {  // away from B = 0
    const torch::NoGradGuard no_grad;
    if (tensor.name.ends_with("lora_B.weight")) tensor.tensor.normal_(0, 0.1);
  }
  loss().backward();
  for (const Group group : {Group::lora, Group::projector, Group::vision, Group::guard}) {
    double expected = 0;
    double found = 0;
    for (TrainedTensor& tensor : trained->tensors) {
      if (tensor.group != group || !tensor.tensor.grad().defined()) continue;
      const Tensor direction = tensor.tensor.grad().sign();  // nothing cancels
      found += (tensor.tensor.grad() * direction).sum().item<double>();
      expected += difference(loss, tensor.tensor, direction, 2e-4);
    }
    EXPECT_GT(found, 0) << name(group);
    EXPECT_NEAR(found, expected, 0.02 * expected) << name(group);
  }
}

TEST_F(JointGradient, FrozenPartsHaveNone) {
  settings_.freeze_vision = true;
  settings_.freeze_projector = true;
  auto trained = prepare(settings_);
  ASSERT_TRUE(trained) << trained.error().message();
  nn::Visitor visitor;
  visitor.parameter = [](const nn::Parameter& parameter) {
    EXPECT_FALSE(parameter.floats().requires_grad()) << parameter.name;
  };
  trained->model->visit(visitor);
  for (const TrainedTensor& tensor : trained->tensors)
    EXPECT_TRUE(tensor.group == Group::lora || tensor.group == Group::guard) << tensor.name;
}

}  // namespace
}  // namespace holisafe::train
