#include "train/adamw.h"

#include <gtest/gtest.h>

#include "nn/tensor.h"

namespace holisafe::train {
namespace {

torch::Tensor floats(std::vector<float> values) { return torch::tensor(values); }

// Reference: torch.optim.AdamW (2.13) with two parameter groups and torch.nn.utils.clip_grad_norm_(…, 1.0),
// three steps; `bias` gets no gradient in the second, `untouched` never.
TEST(AdamW, EqualsTorchIncludingTensorsWithoutGradient) {
  std::vector<TrainedTensor> trained(3);
  trained[0] = {"weight", (torch::arange(6, torch::kFloat32).reshape({2, 3}) / 10 - 0.2).requires_grad_(),
                Group::projector};
  trained[1] = {"bias", floats({0.5F, -0.25F}).requires_grad_(), Group::guard};
  trained[2] = {"untouched", torch::ones({1, 1}).requires_grad_(), Group::guard};
  const double norms[] = {2.6861066818237305, 1.687817096710205, 2.794769287109375};
  for (int k = 1; k <= 3; ++k) {
    trained[0].tensor.mutable_grad() = torch::sin(torch::arange(6, torch::kFloat32).reshape({2, 3}) + k);
    if (k != 2) trained[1].tensor.mutable_grad() = floats({0.3F * static_cast<float>(k), -2.0F});
    const double norm = gradient_norm(trained);
    EXPECT_NEAR(norm, norms[k - 1], 1e-6);
    adamw_step(trained, {.weight_decay = 0.1}, {1.0, 0.1, 1.0, 0.01}, clip_factor(norm, 1.0));
    EXPECT_FALSE(trained[0].tensor.grad().defined());
  }
  const auto weight =
      floats({-0.469770014F, -0.288499922F, 0.0467917584F, 0.374090195F, 0.411570758F, 0.261166602F})
          .reshape({2, 3});
  EXPECT_LT((trained[0].tensor.detach() - weight).abs().max().item<float>(), 1e-6);
  EXPECT_LT((trained[1].tensor.detach() - floats({0.480774492F, -0.230012298F})).abs().max().item<float>(),
            1e-6);
  EXPECT_EQ(trained[2].tensor.item<float>(), 1.0F) << "no decay without a gradient";
  EXPECT_FALSE(trained[2].exp_avg.defined());
  EXPECT_EQ(trained[1].step.item<float>(), 2.0F);
}

TEST(ClipFactor, IsOneBelowTheBoundAndWithoutBound) {
  EXPECT_EQ(clip_factor(0.5, 1.0), 1.0);
  EXPECT_EQ(clip_factor(50.0, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(clip_factor(4.0, 1.0), 1.0 / 4.000001);
}

}  // namespace
}  // namespace holisafe::train
