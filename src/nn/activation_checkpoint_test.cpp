#include "nn/activation_checkpoint.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "nn/tensor.h"

namespace holisafe::nn {
namespace {

struct Outcome {
  torch::Tensor value, input_gradient, weight_gradient;
};

/// Two layers with dropout, checkpointed or not, from the same seed.
Outcome run(bool checkpoint, bool input_requires_grad) {
  torch::manual_seed(5);
  auto weight = torch::randn({6, 6}).requires_grad_();
  auto input = torch::randn({3, 6}).requires_grad_(input_requires_grad);
  const auto layer = [&](const torch::Tensor& x) {
    return torch::dropout(torch::tanh(x.mm(weight)), 0.5, true);
  };
  torch::Tensor x = input;
  for (int i = 0; i < 2; ++i) x = checkpoint ? checkpointed(layer, x) : layer(x);
  x = torch::dropout(x, 0.5, true);  // the generator must stand where it would without checkpointing
  (x * x).sum().backward();
  return {x.detach(), input.grad(), weight.grad()};
}

TEST(Checkpointed, EqualsThePlainRunBitForBit) {
  for (const bool input_requires_grad : {true, false}) {
    const Outcome plain = run(false, input_requires_grad);
    const Outcome again = run(true, input_requires_grad);
    EXPECT_TRUE(torch::equal(plain.value, again.value));
    EXPECT_TRUE(torch::equal(plain.weight_gradient, again.weight_gradient));
    EXPECT_EQ(again.input_gradient.defined(), input_requires_grad);
    if (input_requires_grad) {
      EXPECT_TRUE(torch::equal(plain.input_gradient, again.input_gradient));
    }
  }
}

TEST(Checkpointed, LeavesTheGeneratorWhereBackwardFoundIt) {
  torch::manual_seed(6);
  auto weight = torch::randn({4, 4}).requires_grad_();
  const auto y = checkpointed([&](const torch::Tensor& x) { return torch::dropout(x.mm(weight), 0.5, true); },
                              torch::randn({2, 4}));
  const auto expected = at::globalContext().defaultGenerator(torch::kCPU).get_state().clone();
  y.sum().backward();
  EXPECT_TRUE(torch::equal(expected, at::globalContext().defaultGenerator(torch::kCPU).get_state()));
}

}  // namespace
}  // namespace holisafe::nn
