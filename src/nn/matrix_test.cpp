#include "nn/matrix.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "nn/kernel_test.h"
#include "nn/linear.h"
#include "nn/tensor.h"

namespace holisafe::nn {
namespace {

using Case = std::tuple<torch::ScalarType, std::int64_t, std::int64_t>;
class StoredMatrix : public testing::TestWithParam<Case> {};

TEST_P(StoredMatrix, MultipliesAsItsWidenedSelf) {
  const auto [type, rows, in] = GetParam();
  const torch::NoGradGuard no_grad;
  const auto weight = random_floats({131, in}, 1).to(type);
  const auto x = random_floats({rows, in}, 2);
  const auto bias = random_floats({131}, 3);
  const auto exact = at::linear(x.to(torch::kFloat64), weight.to(torch::kFloat64), bias.to(torch::kFloat64));
  for (const VectorSet set : sets_here()) {
    const auto y = Matrix(weight, set).multiply(x, bias).to(torch::kFloat64);
    EXPECT_LT((y - exact).abs().max().item<double>(), 1e-4) << static_cast<int>(set);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, StoredMatrix,
                         testing::Combine(testing::Values(torch::kFloat16, torch::kBFloat16),
                                          testing::Values(1, 2, 3, 7, 8, 9, 40),
                                          testing::Values(1, 15, 64, 1003)));

TEST(StoredMatrix, EachKernelIsItsOwn) {
  const auto weight = random_floats({4, 64}, 1).to(torch::kBFloat16);
  const auto x = random_floats({1, 64}, 2);
  std::vector<StoredProduct> kernels;
  for (const VectorSet set : sets_here()) {
    const StoredProduct kernel = stored_product(weight, set);
    ASSERT_NE(kernel, nullptr);
    EXPECT_EQ(std::count(kernels.begin(), kernels.end(), kernel), 0) << "two sets, one kernel";
    kernels.push_back(kernel);
  }
  EXPECT_EQ(stored_product(weight.to(torch::kFloat32)), nullptr);
  EXPECT_EQ(stored_product(weight.t()), nullptr) << "not contiguous";
}

TEST(StoredMatrix, ARowIsTheSameWhateverItsCompany) {
  const torch::NoGradGuard no_grad;
  const auto x = random_floats({8, 300}, 4);
  for (const VectorSet set : sets_here()) {
    const Matrix weight(random_floats({70, 300}, 3).to(torch::kBFloat16), set);
    const auto together = weight.multiply(x);
    for (std::int64_t row = 0; row < x.size(0); ++row)
      EXPECT_TRUE(at::equal(together[row], weight.multiply(x[row]))) << row;
  }
}

TEST(StoredMatrix, SpecialNumbersSurviveWidening) {
  const torch::NoGradGuard no_grad;
  const float tiny = 5.9604645e-8F;  // the least float16
  const auto weight = torch::tensor({tiny, -65504.0F, 0.0F, INFINITY}).to(torch::kFloat16).unsqueeze(1);
  for (const VectorSet set : sets_here()) {
    const auto y = Matrix(weight, set).multiply(torch::ones({1, 1}))[0];
    EXPECT_EQ(y[0].item<float>(), tiny);
    EXPECT_EQ(y[1].item<float>(), -65504.0F);
    EXPECT_EQ(y[2].item<float>(), 0.0F);
    EXPECT_EQ(y[3].item<float>(), INFINITY);
  }
}

TEST(Matrix, KnowsItsSizeAndGivesItsNumbers) {
  const auto numbers = random_floats({6, 5}, 5);
  const Matrix half = numbers.to(torch::kFloat16);
  EXPECT_EQ(half.rows(), 6);
  EXPECT_EQ(half.columns(), 5);
  EXPECT_EQ(half.bytes(), 60U);
  EXPECT_EQ(Matrix(numbers.to(torch::kFloat64)).bytes(), 240U);
  EXPECT_EQ(half.floats().scalar_type(), torch::kFloat16);
  EXPECT_TRUE(at::equal(half.float_copy(), numbers.to(torch::kFloat16).to(torch::kFloat32)));
  const Matrix own = numbers;
  own.float_copy().zero_();
  EXPECT_TRUE(at::equal(own.floats(), numbers)) << "a copy, even where nothing is converted";
  EXPECT_TRUE(
      at::equal(own.look_up(torch::tensor({4, 0}, torch::kInt64)), at::stack({numbers[4], numbers[0]})));
  EXPECT_FALSE(Matrix().defined());
  EXPECT_EQ(Matrix::shaped(3, 4).rows(), 3);
}

TEST(Matrix, ComputesInTheTypeOfItsInput) {
  const torch::NoGradGuard no_grad;
  const Matrix wide = random_floats({6, 5}, 5);
  const auto x = random_floats({2, 3, 5}, 7).to(torch::kBFloat16);
  const auto y = wide.multiply(x);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(at::equal(y, at::linear(x, wide.floats().to(torch::kBFloat16))));
}

TEST(StoredMatrix, PassesGradientsOnAndStaysStored) {
  // Several pieces are widened in turn.
  for (const auto type : {torch::kFloat16, torch::kBFloat16}) {
    const auto weight = random_floats({9000, 700}, 5).to(type);
    const auto wanted = random_floats({3, 4, 9000}, 6);
    const Matrix matrix = weight;
    auto x = random_floats({3, 4, 700}, 7).requires_grad_();
    const auto y = matrix.multiply(x);
    (y * wanted).sum().backward();
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(y, matrix.multiply(x))) << "the same bits with and without a gradient";
    const auto exact = at::matmul(wanted.to(torch::kFloat64), weight.to(torch::kFloat64));
    const auto apart = (x.grad().to(torch::kFloat64) - exact).abs().max().item<double>();
    EXPECT_LT(apart, 1e-5 * exact.abs().max().item<double>());
  }
}

TEST(Matrix, GivesGradientsThroughSixteenBits) {
  Linear layer{random_floats({6, 5}, 5).to(torch::kFloat16), random_floats({6}, 6), std::nullopt};
  auto x = random_floats({2, 3, 5}, 7).requires_grad_();
  layer.forward(x).sum().backward();
  EXPECT_TRUE(at::allclose(x.grad()[0][0], layer.weight.float_copy().sum(0), 1e-5, 1e-6));
  const torch::NoGradGuard no_grad;
  const auto expected = at::linear(x, layer.weight.float_copy(), layer.bias);
  EXPECT_TRUE(at::allclose(layer.forward(x), expected, 1e-5, 1e-6));
}

TEST(Matrix, LearnsThroughItsProductAndItsRows) {
  const Matrix matrix = random_floats({6, 5}, 5).requires_grad_();
  EXPECT_TRUE(matrix.learns());
  const auto x = random_floats({2, 5}, 7);
  (matrix.multiply(x).sum() + matrix.look_up(torch::tensor({1}, torch::kInt64)).sum()).backward();
  auto expected = x.sum(0).expand({6, 5}).clone();
  expected[1] += 1;
  EXPECT_TRUE(at::allclose(matrix.floats().grad(), expected));
}

}  // namespace
}  // namespace holisafe::nn
