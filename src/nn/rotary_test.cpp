#include "nn/rotary.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include <gtest/gtest.h>

#include "nn/module_case.h"

namespace holisafe::nn {
namespace {

TEST(Rotary, TurnsPairsOfHalvesByTheirAngles) {
  const auto rotary = make_rotary(6, 100.0, nullptr);
  ASSERT_TRUE(rotary);
  const auto positions = torch::tensor({0, 1, 5}, torch::kInt64).view({1, 1, 3});
  const auto [cos, sin] = rotary->angles(positions);
  const auto x = random_floats({1, 2, 3, 6}, 1);
  const auto y = rotate(x, cos, sin);
  for (int t = 0; t < 3; ++t) {
    for (int i = 0; i < 3; ++i) {
      const double angle = positions.view({-1})[t].item<double>() / std::pow(100.0, 2.0 * i / 6);
      const double a = x[0][1][t][i].item<double>();
      const double b = x[0][1][t][i + 3].item<double>();
      EXPECT_NEAR(y[0][1][t][i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-5);
      EXPECT_NEAR(y[0][1][t][i + 3].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-5);
    }
  }
}

TEST(Rotary, LinearDividesFrequencies) {
  const auto plain = make_rotary(8, 1e4, nullptr);
  const auto scaled = make_rotary(8, 1e4, {{"type", "linear"}, {"factor", 4.0}});
  ASSERT_TRUE(plain && scaled);
  EXPECT_LT(difference(scaled->inverse_frequencies, plain->inverse_frequencies / 4), 1e-9);
}

TEST(Rotary, DynamicIsPlainUpToTheTrainedLengthAndStretchesBeyond) {
  const auto plain = make_rotary(8, 1e4, nullptr);
  const auto scaled = make_rotary(8, 1e4, {{"rope_type", "dynamic"}, {"factor", 2.0}}, 16);
  ASSERT_TRUE(plain && scaled);
  const auto positions = [](std::int64_t count) { return at::arange(count, torch::kInt64).view({1, 1, -1}); };
  EXPECT_TRUE(at::equal(scaled->angles(positions(16)).first, plain->angles(positions(16)).first));
  // Twice the trained length: base x (2 x 2 - 1)^(8 / 6).
  const auto stretched = make_rotary(8, 1e4 * std::pow(3.0, 8.0 / 6.0), nullptr);
  EXPECT_LT(difference(scaled->angles(positions(32)).first, stretched->angles(positions(32)).first), 1e-5);
}

TEST(Rotary, Llama3KeepsHighFrequenciesAndDividesLowOnes) {
  const auto plain = make_rotary(64, 5e5, nullptr);
  const auto scaled = make_rotary(64, 5e5,
                                  {{"rope_type", "llama3"},
                                   {"factor", 8.0},
                                   {"low_freq_factor", 1.0},
                                   {"high_freq_factor", 4.0},
                                   {"original_max_position_embeddings", 8192}});
  ASSERT_TRUE(plain && scaled);
  const auto ratio = plain->inverse_frequencies / scaled->inverse_frequencies;
  EXPECT_NEAR(ratio[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(ratio[31].item<double>(), 8, 1e-5);
  EXPECT_TRUE(((ratio >= 0.9999) & (ratio <= 8.0001)).all().item<bool>());
}

TEST(Rotary, YarnKeepsHighFrequenciesDividesLowOnesAndScalesAttention) {
  const nlohmann::json scaling{
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 2048}};
  const auto plain = make_rotary(64, 1e4, nullptr);
  const auto scaled = make_rotary(64, 1e4, scaling);
  ASSERT_TRUE(plain && scaled);
  const auto ratio = plain->inverse_frequencies / scaled->inverse_frequencies;
  EXPECT_NEAR(ratio[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(ratio[31].item<double>(), 4, 1e-5);
  EXPECT_NEAR(scaled->attention_factor, 0.1 * std::log(4.0) + 1, 1e-12);
}

TEST(Rotary, UnknownKindsAndMissingNumbersAreErrors) {
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "longrope"}}).error().kind, ErrorKind::unsupported);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "linear"}}).error().kind, ErrorKind::missing);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "dynamic"}, {"factor", 2.0}}).error().kind, ErrorKind::missing);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "yarn"}, {"factor", 2.0}}).error().kind, ErrorKind::missing);
}

TEST(Rotary, SectionsTakeTheirAnglesFromTheirOwnPositions) {
  const auto rotary = make_rotary(8, 1e4, {{"type", "mrope"}, {"mrope_section", {2, 1, 1}}});
  const auto plain = make_rotary(8, 1e4, nullptr);
  ASSERT_TRUE(rotary && plain);
  const auto positions = torch::tensor({3, 7, 11}, torch::kInt64).view({3, 1, 1});
  const auto cos = rotary->angles(positions).first.view({-1});
  const std::vector<std::int64_t> from{3, 3, 7, 11};
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto at = torch::tensor({from[static_cast<std::size_t>(i)]}, torch::kInt64).view({1, 1, 1});
    EXPECT_FLOAT_EQ(cos[i].item<float>(), plain->angles(at).first.view({-1})[i].item<float>());
  }
}

TEST(Rotary, ScalingStretchesTheContext) {
  using Json = nlohmann::json;
  EXPECT_EQ(stretched_context(nullptr, 4096), 4096);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 2.0}}, 4096), 8192);
  EXPECT_EQ(stretched_context(Json{{"type", "dynamic"}, {"factor", 4}}, 100), 400);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "yarn"}, {"factor", 4.0}}, 100), 400);
  // The trained length times the factor, or what the config says if that is more.
  const Json yarn{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  EXPECT_EQ(stretched_context(yarn, 32768), 131072);
  EXPECT_EQ(stretched_context(yarn, 131072), 131072);
  EXPECT_EQ(stretched_context(yarn, 200000), 200000);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "llama3"}, {"factor", 8.0}}, 131072), 131072);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 0.5}}, 4096), 4096);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 1e300}}, 4096), std::int64_t{1} << 40);
}

}  // namespace
}  // namespace holisafe::nn
