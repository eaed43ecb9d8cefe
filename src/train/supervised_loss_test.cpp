#include "train/supervised_loss.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "nn/tensor.h"

namespace holisafe::train {
namespace {

TEST(SupervisedCrossEntropy, EqualsTorchInValueAndGradientsForAnyChunk) {
  torch::manual_seed(3);
  const auto targets = torch::randint(0, 11, {7});
  for (const std::int64_t chunk : {1, 3, 100}) {
    std::vector<torch::Tensor> leaves{torch::randn({7, 5}), torch::randn({11, 5})};
    std::vector<torch::Tensor> twins;
    for (auto& leaf : leaves) {
      leaf.requires_grad_();
      twins.push_back(leaf.detach().clone().requires_grad_());
    }
    const auto loss = supervised_cross_entropy(leaves[0], leaves[1], targets, chunk);
    const auto reference =
        at::cross_entropy_loss(at::linear(twins[0], twins[1]), targets, {}, at::Reduction::Sum);
    EXPECT_NEAR(loss.item<float>(), reference.item<float>(), 1e-5);
    (loss * 0.25).backward();
    (reference * 0.25).backward();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      EXPECT_TRUE(torch::allclose(leaves[i].grad(), twins[i].grad(), 1e-5, 1e-6)) << i << " chunk " << chunk;
    }
  }
}

TEST(SupervisedCrossEntropy, AgreesWithFiniteDifferences) {
  torch::manual_seed(4);
  const auto weight = torch::randn({9, 4});
  const auto targets = torch::randint(0, 9, {3});
  const auto hidden = torch::randn({3, 4}).requires_grad_();
  supervised_cross_entropy(hidden, weight, targets, 2).backward();
  EXPECT_FALSE(weight.grad().defined());
  for (std::int64_t i = 0; i < hidden.numel(); ++i) {
    const auto shift = torch::zeros(hidden.numel());
    shift[i] = 1e-2F;
    const auto moved = [&](double sign) {
      const auto at = hidden.detach() + sign * shift.view({3, 4});
      return supervised_cross_entropy(at, weight, targets, 2).item<double>();
    };
    EXPECT_NEAR(hidden.grad().view({-1})[i].item<double>(), (moved(1) - moved(-1)) / 2e-2, 2e-3);
  }
}

TEST(SupervisedCrossEntropy, NoPositionsGiveZeroLossAndZeroGradient) {
  const auto hidden = torch::zeros({0, 4}).requires_grad_();
  const auto weight = torch::randn({9, 4}).requires_grad_();
  const auto loss = supervised_cross_entropy(hidden, weight, torch::zeros({0}, torch::kLong));
  EXPECT_EQ(loss.item<float>(), 0.0F);
  loss.backward();
  ASSERT_TRUE(hidden.grad().defined());
  EXPECT_EQ(hidden.grad().sizes(), hidden.sizes());
  ASSERT_TRUE(weight.grad().defined());
  EXPECT_TRUE(torch::equal(weight.grad(), torch::zeros({9, 4})));
}

}  // namespace
}  // namespace holisafe::train
