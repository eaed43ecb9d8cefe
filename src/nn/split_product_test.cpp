#include "nn/split_product.h"

#include <cmath>
#include <limits>
#include <tuple>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "nn/kernel_test.h"

namespace holisafe::nn {
namespace {

using Case = std::tuple<torch::ScalarType, std::int64_t, std::int64_t>;
class SplitProduct : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (vector_set() != VectorSet::amx) GTEST_SKIP() << "this processor has no AMX";
  }
};

TEST_P(SplitProduct, IsAsExactAsFloat32) {
  const auto [type, in, features] = GetParam();
  const torch::NoGradGuard no_grad;
  const auto weight = random_floats({features, in}, 1).to(type);
  for (const std::int64_t rows : {1, 17, 40, 650}) {
    const auto x = random_floats({rows, in}, 2);
    const auto y = multiply_split(x, weight);
    ASSERT_EQ(y.sizes(), at::IntArrayRef({rows, features}));
    EXPECT_LT(error_in_roundings(y, x, weight, type == torch::kBFloat16 ? 3 : 5), 1.0) << rows << " rows";
  }
}

TEST_P(SplitProduct, ARowsBitsAreItsOwn) {
  const auto [type, in, features] = GetParam();
  const torch::NoGradGuard no_grad;
  const int before = at::get_num_threads();
  const auto weight = random_floats({features, in}, 3).to(type);
  const auto x = random_floats({700, in}, 4);
  const auto together = multiply_split(x, weight);
  for (const int threads : {1, 2, 3, 8}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(multiply_split(x, weight), together)) << threads << " threads";
    for (const std::int64_t row : {0, 5, 31, 32, 640, 699})
      EXPECT_TRUE(at::equal(multiply_split(x.narrow(0, row, 1), weight), together.narrow(0, row, 1))) << row;
  }
  at::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Shapes, SplitProduct,
                         testing::Combine(testing::Values(torch::kFloat16, torch::kBFloat16),
                                          testing::Values(1, 31, 64, 385, 1000, 4099),
                                          testing::Values(1, 33, 256, 301)));

class SplitProducts : public SplitProduct {};

TEST_F(SplitProducts, LoseNothingOfANumber) {
  // One column, so that nothing is added up: what comes out is x times the weight, as exact as float32.
  const torch::NoGradGuard no_grad;
  const auto x = (random_floats({4000, 1}, 5) * 20).exp2() * random_floats({4000, 1}, 6);
  EXPECT_TRUE(at::equal(multiply_split(x, at::ones({1, 1}, torch::kBFloat16)), x));
  const auto bits = at::arange(65536, torch::TensorOptions().dtype(torch::kInt32)).to(torch::kInt16);
  for (const auto type : {torch::kFloat16, torch::kBFloat16}) {
    const auto numbers = bits.view(type).unsqueeze(1);
    const auto wide = numbers.to(torch::kFloat32);
    // Tiles take what is below the normal numbers of float32 for zero.
    const auto sound = wide.isfinite().logical_and(wide.abs() >= std::ldexp(1.0, -126));
    const auto y = multiply_split(at::ones({1, 1}), numbers).t();
    EXPECT_TRUE(at::equal(y.masked_select(sound), wide.masked_select(sound)));
    EXPECT_FALSE(y.masked_select(wide.isfinite().logical_not()).isfinite().any().item<bool>());
  }
}

TEST_F(SplitProducts, OfWhatIsNotFiniteAreNotFinite) {
  const torch::NoGradGuard no_grad;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    auto x = at::ones({40, 70});
    x[3][69] = bad;
    const auto y = multiply_split(x, at::ones({5, 70}, torch::kFloat16));
    EXPECT_FALSE(y[3].isfinite().any().item<bool>());
    EXPECT_TRUE(y[2].isfinite().all().item<bool>());
    EXPECT_TRUE(y[4].isfinite().all().item<bool>());
  }
}

TEST_F(SplitProducts, TakeNoRowsAndNoNumbers) {
  const torch::NoGradGuard no_grad;
  const auto weight = [](std::int64_t features, std::int64_t in) {
    return at::ones({features, in}, torch::kBFloat16);
  };
  EXPECT_EQ(multiply_split(at::empty({0, 8}), weight(3, 8)).sizes(), at::IntArrayRef({0, 3}));
  EXPECT_TRUE(at::equal(multiply_split(at::empty({2, 0}), weight(3, 0)), at::zeros({2, 3})));
  EXPECT_EQ(multiply_split(at::ones({2, 8}), weight(0, 8)).sizes(), at::IntArrayRef({2, 0}));
  EXPECT_THROW(multiply_split(at::ones({2, 8}), weight(3, 9)), c10::Error);
  EXPECT_THROW(multiply_split(at::ones({8, 2}).t(), weight(3, 8)), c10::Error) << "not contiguous";
}

}  // namespace
}  // namespace holisafe::nn
