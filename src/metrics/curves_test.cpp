#include "metrics/curves.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/guard_metrics.h"

namespace holisafe::metrics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Scores with many equal ones, as a guard row each and as an image of the class "not safe".
struct Drawn {
  std::vector<GuardRow> rows;
  std::vector<ScoredImage> images;
};

Drawn drawn(std::size_t count) {
  std::mt19937 random(11);
  std::uniform_int_distribution<int> grid(0, 16);
  Drawn out;
  for (std::size_t i = 0; i < count; ++i) {
    const bool unsafe = random() % 3 == 0;
    const double score = std::min(16, grid(random) + (unsafe ? 3 : 0)) / 16.0;
    GuardRow row;
    row.label = unsafe ? 4 : 0;
    row.probabilities[0] = 1 - score;
    row.probabilities[4] = score;
    out.rows.push_back(row);
    out.images.push_back({score, unsafe});
  }
  return out;
}

TEST(Curves, TheAreaUnderTheRocCurveIsAuroc) {
  const Drawn data = drawn(700);
  const Curve curve = roc_curve(data.images);
  double area = 0;
  for (std::size_t i = 1; i < curve.size(); ++i) {
    area += (curve[i].first - curve[i - 1].first) * (curve[i].second + curve[i - 1].second) / 2;
  }
  EXPECT_EQ(curve.size(), 18U);  // (0, 0) and one a distinct score
  EXPECT_THAT(curve.back(), Pair(1.0, 1.0));
  EXPECT_NEAR(area, guard_metrics(data.rows).auroc.value(), 1e-12);
}

TEST(Curves, TheStepsOfPrecisionAndRecallAreTheAveragePrecision) {
  const Drawn data = drawn(700);
  double sum = 0;
  double before = 0;
  for (const auto& [recall, precision] : precision_recall_curve(data.images)) {
    sum += (recall - before) * precision;
    before = recall;
  }
  EXPECT_NEAR(sum, class_at_threshold(data.images, 0.5).average_precision.value(), 1e-12);
}

TEST(Curves, PointsOfAFewImages) {
  const std::vector<ScoredImage> images{{0.9, true}, {0.8, false}, {0.8, true}, {0.1, false}};
  EXPECT_THAT(roc_curve(images), ElementsAre(Pair(0, 0), Pair(0, 0.5), Pair(0.5, 1), Pair(1, 1)));
  EXPECT_THAT(precision_recall_curve(images), ElementsAre(Pair(0.5, 1), Pair(1, 2.0 / 3), Pair(1, 0.5)));
}

TEST(Curves, NoneWhereNothingDefinesThem) {
  EXPECT_THAT(roc_curve({}), IsEmpty());
  EXPECT_THAT(roc_curve({{0.5, true}}), IsEmpty());
  EXPECT_THAT(roc_curve({{0.5, false}}), IsEmpty());
  EXPECT_THAT(precision_recall_curve({{0.5, false}}), IsEmpty());
  EXPECT_THAT(precision_recall_curve({{0.5, true}}), ElementsAre(Pair(1, 1)));
}

TEST(Curves, ThinnedKeepsBothEnds) {
  Curve line;
  for (int i = 0; i <= 1000; ++i) line.emplace_back(i / 1000.0, i / 1000.0);
  const Curve few = thinned(line, 5);
  EXPECT_THAT(few, ElementsAre(line[0], line[250], line[500], line[750], line[1000]));
  EXPECT_EQ(thinned(few, 5), few);
  EXPECT_THAT(thinned(few, 2), ElementsAre(line[0], line[1000]));
}

}  // namespace
}  // namespace holisafe::metrics
