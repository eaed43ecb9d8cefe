#include "engine/sampling.h"

#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

namespace holisafe::engine {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

std::map<std::int64_t, int> draw(const std::vector<float>& logits, double temperature, double top_p,
                                 int times) {
  Random random(7);
  std::map<std::int64_t, int> out;
  for (int i = 0; i < times; ++i) ++out[sample(logits, temperature, top_p, random)];
  return out;
}

TEST(Sampling, FollowsTheProbabilities) {
  const std::vector<float> logits{std::log(0.1F), std::log(0.6F), never, std::log(0.3F)};
  const auto counts = draw(logits, 1, 1, 20'000);
  EXPECT_NEAR(counts.at(0), 2000, 200);
  EXPECT_NEAR(counts.at(1), 12'000, 400);
  EXPECT_FALSE(counts.contains(2));
  EXPECT_NEAR(counts.at(3), 6000, 300);
}

TEST(Sampling, TemperatureSharpens) {
  const std::vector<float> logits{1, 2};
  const double expected = 1 / (1 + std::exp(-1 / 0.25));
  EXPECT_NEAR(draw(logits, 0.25, 1, 20'000).at(1), 20'000 * expected, 150);
}

TEST(Sampling, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits{std::log(0.1F), std::log(0.6F), std::log(0.3F)};
  EXPECT_EQ(draw(logits, 1, 0.5, 500).size(), 1U);
  const auto two = draw(logits, 1, 0.7, 20'000);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_NEAR(two.at(1), 20'000 * 2 / 3, 400);
  EXPECT_EQ(draw(logits, 1, 0, 500), (std::map<std::int64_t, int>{{1, 500}})) << "one token always stays";
  EXPECT_EQ(draw(logits, 1, 0.95, 5000).size(), 3U);
}

TEST(Sampling, DependsOnTheSeedAlone) {
  const std::vector<float> logits(50, 0.0F);
  Random a(3);
  Random b(3);
  Random c(4);
  bool differs = false;
  for (int i = 0; i < 50; ++i) {
    const auto first = sample(logits, 1, 1, a);
    EXPECT_EQ(first, sample(logits, 1, 1, b));
    differs = differs || first != sample(logits, 1, 1, c);
  }
  EXPECT_TRUE(differs);
}

TEST(Sampling, RepetitionIsPenalizedOnceAToken) {
  std::vector<float> logits{2, -2, 3};
  const std::vector<std::int64_t> seen{0, 1, 1, 0, -200, 900};
  penalize_repetition(logits, seen, 2);
  EXPECT_EQ(logits, (std::vector<float>{1, -4, 3}));
}

}  // namespace
}  // namespace holisafe::engine
