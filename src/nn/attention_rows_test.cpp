#include "nn/attention_rows.h"

#include <cmath>
#include <tuple>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "nn/kernel_test.h"

namespace holisafe::nn {
namespace {

/// Places of `capacity` positions, of which `length` are filled; the others hold what must not be read.
KeyValueSegment segment(std::int64_t heads, std::int64_t length, std::int64_t dim, torch::ScalarType type,
                        std::uint64_t seed) {
  const std::int64_t capacity = length + 3;
  const auto filled = [&](std::uint64_t own) {
    auto out = at::full({heads, capacity, dim}, NAN);
    out.narrow(1, 0, length).copy_(random_floats({heads, length, dim}, own));
    return out.to(type);
  };
  return {filled(2 * seed), filled(2 * seed + 1), length};
}

torch::Tensor joined(const RowKeys& row, torch::Tensor KeyValueSegment::*which) {
  std::vector<torch::Tensor> out;
  for (const KeyValueSegment& part : row.segments) out.push_back((part.*which).narrow(1, 0, part.length));
  const auto all = at::cat(out, 1).to(torch::kFloat64);
  return all.narrow(1, row.begin, all.size(1) - row.begin);
}

/// LibTorch's, in float64.
torch::Tensor reference(const torch::Tensor& q, const std::vector<RowKeys>& rows, double scale) {
  std::vector<torch::Tensor> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto k = joined(rows[row], &KeyValueSegment::keys);
    const auto v = joined(rows[row], &KeyValueSegment::values);
    const std::int64_t group = q.size(1) / k.size(0);
    const auto one = q[static_cast<std::int64_t>(row)].to(torch::kFloat64).unsqueeze(1);
    out.push_back(at::scaled_dot_product_attention(one, k.repeat_interleave(group, 0),
                                                   v.repeat_interleave(group, 0), {}, 0.0, false, scale)
                      .flatten());
  }
  return at::stack(out);
}

std::vector<RowKeys> rows_of(std::int64_t heads, std::int64_t dim, torch::ScalarType type) {
  const auto prefix = segment(heads, 100, dim, type, 10);
  return {{{prefix, segment(heads, 1, dim, type, 11)}, 0},
          {{prefix, segment(heads, 37, dim, type, 12)}, 90},
          {{prefix, segment(heads, 70, dim, type, 13)}, 133},
          {{segment(heads, 1, dim, type, 14)}, 0},
          {{segment(heads, 300, dim, type, 15), segment(heads, 0, dim, type, 16),
            segment(heads, 5, dim, type, 17)},
           0}};
}

using AttentionCase = std::tuple<torch::ScalarType, std::int64_t, std::int64_t>;
class AttentionRows : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionRows, AreAsLibTorchComputesThem) {
  const auto [type, dim, group] = GetParam();
  const torch::NoGradGuard no_grad;
  const std::int64_t heads = 3;
  const auto rows = rows_of(heads, dim, type);
  const auto q = random_floats({static_cast<std::int64_t>(rows.size()), heads * group, dim}, 1).to(type);
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  const auto expected = reference(q, rows, scale);
  for (const VectorSet set : sets_here()) {
    const auto y = attention_rows(q, rows, scale, set);
    ASSERT_EQ(y.scalar_type(), type);
    ASSERT_EQ(y.sizes(), expected.sizes());
    const auto rounded = type == torch::kFloat32 ? expected : expected.to(type).to(torch::kFloat64);
    const double relative = type == torch::kFloat32 ? 1e-5 : 1.0 / 128;
    EXPECT_TRUE(at::allclose(y.to(torch::kFloat64), rounded, relative, 1e-5))
        << name(set) << ": " << (y.to(torch::kFloat64) - rounded).abs().max().item<double>();
  }
}

TEST_P(AttentionRows, AreTheirOwnWhateverTheirCompanyAndCuts) {
  const auto [type, dim, group] = GetParam();
  const torch::NoGradGuard no_grad;
  const auto rows = rows_of(2, dim, type);
  const auto q = random_floats({static_cast<std::int64_t>(rows.size()), 2 * group, dim}, 1).to(type);
  const int before = at::get_num_threads();
  for (const VectorSet set : sets_here()) {
    const auto together = attention_rows(q, rows, 0.125, set);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      at::set_num_threads(1 + static_cast<int>(row % 2));
      const auto at = static_cast<std::int64_t>(row);
      const auto one = q.narrow(0, at, 1);
      EXPECT_TRUE(
          at::equal(attention_rows(one, std::span(rows).subspan(row, 1), 0.125, set)[0], together[at]));
      RowKeys whole{{{}}, rows[row].begin};
      std::vector<torch::Tensor> keys;
      std::vector<torch::Tensor> values;
      for (const KeyValueSegment& part : rows[row].segments) {
        keys.push_back(part.keys.narrow(1, 0, part.length));
        values.push_back(part.values.narrow(1, 0, part.length));
        whole.segments[0].length += part.length;
      }
      whole.segments[0].keys = at::cat(keys, 1);
      whole.segments[0].values = at::cat(values, 1);
      EXPECT_TRUE(at::equal(attention_rows(one, std::span(&whole, 1), 0.125, set)[0], together[at]));
      at::set_num_threads(before);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AttentionShapes, AttentionRows,
                         testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                                          testing::Values(9, 64, 72, 256), testing::Values(1, 7)));

TEST(AttentionOfRows, SurvivesScoresThatOverflowAnExponential) {
  const torch::NoGradGuard no_grad;
  const auto q = at::full({1, 1, 8}, 100.0);
  auto keys = at::zeros({1, 3, 8});
  keys[0][1].fill_(100);   // a score of 80,000
  keys[0][2].fill_(-100);  // and of -80,000
  const auto values = random_floats({1, 3, 8}, 2);
  const RowKeys row{{{keys, values, 3}}, 0};
  for (const VectorSet set : sets_here())
    EXPECT_TRUE(at::allclose(attention_rows(q, std::span(&row, 1), 1, set)[0], values[0][1])) << name(set);
}

TEST(AttentionOfRows, RefusesRowsWithoutKeys) {
  const torch::NoGradGuard no_grad;
  const RowKeys row{{segment(2, 4, 8, torch::kFloat32, 1)}, 4};
  EXPECT_THROW(attention_rows(at::ones({1, 2, 8}), std::span(&row, 1), 1), c10::Error);
  EXPECT_THROW(attention_rows(at::ones({2, 2, 8}), std::span(&row, 1), 1), c10::Error)
      << "keys of one of two rows";
  EXPECT_EQ(attention_rows(at::empty({0, 2, 8}), {}, 1).sizes(), at::IntArrayRef({0, 16}));
}

}  // namespace
}  // namespace holisafe::nn
