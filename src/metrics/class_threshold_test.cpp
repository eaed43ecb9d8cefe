#include "metrics/class_threshold.h"

#include <gtest/gtest.h>

#include "metrics/binomial_interval.h"

namespace holisafe::metrics {
namespace {

/// Scores from 0.9 down by 0.1: labelled, labelled, not, labelled, not, not.
const std::vector<ScoredImage> scored_images{{0.4, false}, {0.9, true}, {0.8, true},
                                             {0.7, false}, {0.6, true}, {0.5, false}};

double threshold(const char* objective, const std::vector<ScoredImage>& of = scored_images) {
  return class_threshold(of, ThresholdObjective::parse(objective).value());
}

TEST(ClassThreshold, MeetsWhatIsWanted) {
  EXPECT_DOUBLE_EQ(threshold("f1"), 0.55);  // 6/7 of 4 seen
  EXPECT_DOUBLE_EQ(threshold("recall=0.6"), 0.75);
  EXPECT_DOUBLE_EQ(threshold("recall=0.7"), 0.55);
  EXPECT_DOUBLE_EQ(threshold("recall=1"), 0.55);
  EXPECT_DOUBLE_EQ(threshold("precision=1"), 0.75);
  EXPECT_DOUBLE_EQ(threshold("precision=0.75"), 0.55);
  EXPECT_DOUBLE_EQ(threshold("precision=0.5"), 0.2);  // all of them
  EXPECT_DOUBLE_EQ(threshold("fpr=0"), 0.75);
  EXPECT_DOUBLE_EQ(threshold("fpr=0.34"), 0.55);
  EXPECT_DOUBLE_EQ(threshold("fpr=1"), 0.2);
}

TEST(ClassThreshold, WhatNoThresholdMeetsIsNeverSeen) {
  const std::vector<ScoredImage> wrong{{0.8, false}, {0.6, true}};
  EXPECT_DOUBLE_EQ(threshold("precision=0.9", wrong), 0.9);
  EXPECT_DOUBLE_EQ(threshold("fpr=0.5", wrong), 0.9);
  EXPECT_DOUBLE_EQ(threshold("recall=1", wrong), 0.3);
  EXPECT_DOUBLE_EQ(threshold("f1", {{0.7, false}}), 0.5);
}

TEST(ClassThreshold, EqualScoresStandOnOneSide) {
  EXPECT_DOUBLE_EQ(threshold("precision=1", {{0.8, true}, {0.8, false}, {0.4, true}}), 0.9);
  EXPECT_DOUBLE_EQ(threshold("recall=0.5", {{0.8, true}, {0.8, false}, {0.4, true}}), 0.6);
}

TEST(ClassThreshold, OtherWordsAreErrors) {
  for (const char* text :
       {"", "F1", "recall", "recall=", "recall=x", "recall=1.5", "recall=0.5x", "fpr=-1", "fpr=nan"}) {
    const auto parsed = ThresholdObjective::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().where, "--objective");
  }
}

TEST(ClassAtThreshold, CountsWhatIsSeen) {
  const auto at = class_at_threshold(scored_images, 0.55);
  EXPECT_EQ(at.images, 3U);
  EXPECT_DOUBLE_EQ(at.precision.value(), 0.75);
  EXPECT_DOUBLE_EQ(at.recall.value(), 1);
  EXPECT_DOUBLE_EQ(at.average_precision.value(), (1 + 1 + 0.75) / 3);
  EXPECT_EQ(at.precision_interval, binomial_interval(3, 4));
  EXPECT_EQ(at.recall_interval, binomial_interval(3, 3));
  const auto none = class_at_threshold({{0.4, false}}, 0.5);
  EXPECT_FALSE(none.precision || none.recall || none.average_precision || none.recall_interval);
}

TEST(BinomialInterval, IsClopperAndPearsons) {  // quantiles of the beta distribution, by mpmath
  const auto expect = [](std::uint64_t count, std::uint64_t rows, double low, double high) {
    const auto found = binomial_interval(count, rows).value();
    EXPECT_NEAR(found.low, low, 1e-10) << count << " of " << rows;
    EXPECT_NEAR(found.high, high, 1e-10) << count << " of " << rows;
  };
  expect(0, 1, 0.0, 0.975);
  expect(1, 1, 0.025, 1.0);
  expect(0, 100, 0.0, 0.036216692645176);
  expect(100, 100, 0.96378330735482, 1.0);
  expect(5, 10, 0.1870860284474, 0.8129139715526);
  expect(1, 20, 0.0012650894979498, 0.24873276277203);
  expect(3, 4, 0.19412044968324, 0.99369053679029);
  expect(37, 2000, 0.013058315418332, 0.025410378996541);
  expect(1999, 2000, 0.99721736016534, 0.99998734117613);
  EXPECT_FALSE(binomial_interval(0, 0));
}

}  // namespace
}  // namespace holisafe::metrics
