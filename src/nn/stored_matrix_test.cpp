#include "nn/stored_matrix.h"

#include <cmath>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "nn/linear.h"

namespace holisafe::nn {
namespace {

std::vector<VectorSet> sets_here() {
  std::vector<VectorSet> out{VectorSet::none};
  if (vector_set() != VectorSet::none) out.push_back(VectorSet::avx2);
  if (vector_set() == VectorSet::avx512) out.push_back(VectorSet::avx512);
  return out;
}

torch::Tensor random(at::IntArrayRef sizes, std::uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed),
                   torch::TensorOptions().dtype(torch::kFloat32));
}

using Case = std::tuple<torch::ScalarType, std::int64_t, std::int64_t>;
class StoredMatrix : public testing::TestWithParam<Case> {};

TEST_P(StoredMatrix, MultipliesAsItsWidenedSelf) {
  const auto [type, rows, in] = GetParam();
  const torch::NoGradGuard no_grad;
  const auto weight = random({131, in}, 1).to(type);
  const auto x = random({rows, in}, 2);
  const auto exact = at::linear(x.to(torch::kFloat64), weight.to(torch::kFloat64));
  for (const VectorSet set : sets_here()) {
    const auto y = multiply_stored(x, weight, set).to(torch::kFloat64);
    EXPECT_LT((y - exact).abs().max().item<double>(), 1e-4) << static_cast<int>(set);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, StoredMatrix,
                         testing::Combine(testing::Values(torch::kFloat16, torch::kBFloat16),
                                          testing::Values(1, 2, 3, 7, 8, 9, 40),
                                          testing::Values(1, 15, 64, 1003)));

TEST(StoredMatrix, ARowIsTheSameWhateverItsCompany) {
  const torch::NoGradGuard no_grad;
  const auto weight = random({70, 300}, 3).to(torch::kBFloat16);
  const auto x = random({8, 300}, 4);
  const auto together = multiply_stored(x, weight);
  for (std::int64_t row = 0; row < x.size(0); ++row)
    EXPECT_TRUE(at::equal(together[row], multiply_stored(x[row], weight))) << row;
}

TEST(StoredMatrix, SpecialNumbersSurviveWidening) {
  const torch::NoGradGuard no_grad;
  const float tiny = 5.9604645e-8F;  // the least float16
  const auto weight = torch::tensor({tiny, -65504.0F, 0.0F, INFINITY}).to(torch::kFloat16).unsqueeze(1);
  for (const VectorSet set : sets_here()) {
    const auto y = multiply_stored(torch::ones({1, 1}), weight, set)[0];
    EXPECT_EQ(y[0].item<float>(), tiny);
    EXPECT_EQ(y[1].item<float>(), -65504.0F);
    EXPECT_EQ(y[2].item<float>(), 0.0F);
    EXPECT_EQ(y[3].item<float>(), INFINITY);
  }
}

TEST(StoredMatrix, ALinearLayerUsesItOnlyWhereNothingLearns) {
  Linear layer{random({6, 5}, 5).to(torch::kFloat16), random({6}, 6), std::nullopt};
  auto x = random({2, 3, 5}, 7).requires_grad_();
  layer.forward(x).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(is_stored_matrix(layer.weight, x));
  EXPECT_FALSE(is_stored_matrix(layer.weight.to(torch::kFloat32), x));
  const auto expected = at::linear(x, layer.weight.to(torch::kFloat32), layer.bias);
  EXPECT_TRUE(at::allclose(layer.forward(x), expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace holisafe::nn
