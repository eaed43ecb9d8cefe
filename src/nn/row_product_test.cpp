#include "nn/row_product.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "nn/kernel_test.h"

namespace holisafe::nn {
namespace {

/// Types of x and of the weight.
using Types = std::tuple<torch::ScalarType, torch::ScalarType>;
class RowProduct : public testing::TestWithParam<Types> {};

void expect_product_of_each_row(torch::ScalarType x_type, torch::ScalarType type, std::int64_t in,
                                std::int64_t features) {
  const auto weight = random_floats({features, in}, 1).to(type);
  const auto x = random_floats({64, in}, 2).to(x_type);
  for (const VectorSet set : sets_here()) {
    const auto together = multiply_rows(x, weight, set);
    ASSERT_EQ(together.scalar_type(), x_type);
    ASSERT_EQ(together.sizes(), at::IntArrayRef({64, features}));
    EXPECT_LT(error_in_roundings(together, x, weight), 1.0) << name(set);
    for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 31, 32, 33, 63}) {
      for (const std::int64_t row : {std::int64_t{0}, 64 - count}) {
        const auto some = multiply_rows(x.narrow(0, row, count), weight, set);
        ASSERT_TRUE(at::equal(some, together.narrow(0, row, count))) << name(set) << ", " << count << " rows";
      }
    }
  }
}

TEST_P(RowProduct, IsTheProductAndARowsOwnAmongAnyNumber) {
  const auto [x_type, type] = GetParam();
  const torch::NoGradGuard no_grad;
  for (const std::int64_t in : {1, 7, 1023, 1025, 4096}) {
    for (const std::int64_t features : {1, 5, 64, 200}) {
      SCOPED_TRACE(testing::Message() << in << " x " << features);
      expect_product_of_each_row(x_type, type, in, features);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowProduct,
                         testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                                          testing::Values(torch::kFloat32, torch::kFloat16,
                                                          torch::kBFloat16)));

TEST(RowProducts, AreTheSameForEveryNumberOfRowsAndThreads) {
  const torch::NoGradGuard no_grad;
  const int before = at::get_num_threads();
  const auto weight = random_floats({300, 1050}, 1).to(torch::kBFloat16);
  const auto x = random_floats({64, 1050}, 2);
  for (const VectorSet set : sets_here()) {
    const auto together = multiply_rows(x, weight, set);
    for (std::int64_t rows = 1; rows <= 64; ++rows) {
      at::set_num_threads(static_cast<int>(rows % 4 + 1));
      ASSERT_TRUE(at::equal(multiply_rows(x.narrow(0, 0, rows), weight, set), together.narrow(0, 0, rows)))
          << rows;
      at::set_num_threads(before);
    }
  }
}

TEST(RowProducts, TakeNoRowsAndNoNumbers) {
  const torch::NoGradGuard no_grad;
  for (const VectorSet set : sets_here()) {
    EXPECT_EQ(multiply_rows(at::empty({0, 8}), at::ones({3, 8}), set).sizes(), at::IntArrayRef({0, 3}));
    EXPECT_TRUE(at::equal(multiply_rows(at::empty({2, 0}), at::ones({3, 0}), set), at::zeros({2, 3})));
    EXPECT_EQ(multiply_rows(at::ones({2, 8}), at::ones({0, 8}), set).sizes(), at::IntArrayRef({2, 0}));
  }
  EXPECT_THROW(multiply_rows(at::ones({2, 8}), at::ones({3, 9})), c10::Error);
  EXPECT_THROW(multiply_rows(at::ones({2, 8}), at::ones({8, 3}).t()), c10::Error) << "not contiguous";
}

TEST(RowProducts, WidenEveryNumberOfSixteenBits) {
  const torch::NoGradGuard no_grad;
  const auto bits = at::arange(65536, torch::TensorOptions().dtype(torch::kInt32)).to(torch::kInt16);
  for (const auto type : {torch::kFloat16, torch::kBFloat16}) {
    const auto weight = bits.view(type).unsqueeze(1);
    const auto expected = weight.to(torch::kFloat32).t();
    const auto number = expected == expected;
    for (const VectorSet set : sets_here()) {
      const auto y = multiply_rows(at::ones({1, 1}), weight, set);
      EXPECT_TRUE(at::equal(y == y, number)) << name(set);
      EXPECT_TRUE(
          at::equal(at::where(number, y, at::zeros_like(y)), at::where(number, expected, at::zeros_like(y))))
          << name(set);
    }
  }
}

}  // namespace
}  // namespace holisafe::nn
