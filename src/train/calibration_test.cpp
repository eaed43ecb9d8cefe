#include "train/calibration.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "nn/tensor.h"

namespace holisafe::train {
namespace {

TEST(Calibrate, FindsTheTemperatureThatLabelsWereDrawnWith) {
  torch::manual_seed(1);
  const auto logits = torch::randn({20000, 5}) * 4;
  const auto labels = torch::multinomial((logits / 2.5).softmax(1), 1).squeeze(1);
  const auto found = calibrate(logits, labels);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->temperature, 2.5, 0.1);
  EXPECT_LT(found->nll_after, found->nll_before);
  EXPECT_LT(found->ece_after, 0.02);
  EXPECT_GT(found->ece_before, 0.05);
  // d NLL / d temperature vanishes at the minimum.
  const auto nll = [&](double t) { return at::cross_entropy_loss(logits / t, labels).item<double>(); };
  EXPECT_LE(nll(found->temperature), nll(found->temperature * 1.01) + 1e-6);
  EXPECT_LE(nll(found->temperature), nll(found->temperature * 0.99) + 1e-6);
}

TEST(Calibrate, ThresholdsSeparateWhatCanBeSeparated) {
  // Probabilities of class 1: 0.8, 0.7 (seen), 0.3, 0.2 (not). Class 2 never occurs.
  const auto probabilities =
      torch::tensor({0.15, 0.8, 0.05, 0.25, 0.7, 0.05, 0.65, 0.3, 0.05, 0.75, 0.2, 0.05}).view({4, 3});
  const auto logits = probabilities.log().to(torch::kFloat32);
  const auto found =
      calibrate(logits, torch::tensor({1, 1, 0, 0}, torch::kInt64), {.objective = {}, .min_images = 1});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->accuracy, 1.0);
  const auto scaled = (probabilities.log() / found->temperature).softmax(1);
  EXPECT_GT(found->thresholds[1], scaled[2][1].item<double>());
  EXPECT_LT(found->thresholds[1], scaled[1][1].item<double>());
  EXPECT_EQ(found->thresholds[2], 0.5);
  EXPECT_EQ(found->too_few, std::vector<std::size_t>{2});
  EXPECT_EQ(found->classes[1].images, 2U);
  EXPECT_EQ(found->classes[1].precision, 1.0);
}

TEST(Calibrate, AClassOfFewImagesKeepsItsThreshold) {
  torch::manual_seed(2);
  const auto logits = torch::randn({30, 3});
  const auto labels =
      torch::cat({torch::zeros({20}), torch::ones({9}), torch::full({1}, 2)}).to(torch::kLong);
  const auto found = calibrate(logits, labels);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->too_few, (std::vector<std::size_t>{1, 2}));
  EXPECT_NE(found->thresholds[0], 0.5);
  EXPECT_EQ(found->thresholds[1], 0.5);
  const auto all = calibrate(logits, labels,
                             {.objective = {metrics::ThresholdObjective::Kind::recall, 1}, .min_images = 1});
  EXPECT_TRUE(all->too_few.empty());
  for (const auto& each : all->classes) EXPECT_EQ(each.recall, 1.0);
}

TEST(Calibrate, RefusesNothingAndUnknownLabels) {
  EXPECT_EQ(calibrate(torch::zeros({0, 3}), torch::zeros({0}, torch::kLong)).error().kind,
            ErrorKind::missing);
  EXPECT_EQ(calibrate(torch::zeros({1, 3}), torch::full({1}, 3)).error().kind, ErrorKind::out_of_range);
}

}  // namespace
}  // namespace holisafe::train
