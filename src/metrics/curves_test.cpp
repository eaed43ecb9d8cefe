// Against what is counted otherwise and compared with scikit-learn: the areas below both curves.
#include "metrics/curves.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "metrics/guard_metrics.h"

namespace holisafe::metrics {
namespace {

std::vector<ScoredImage> unsafe_images(const nlohmann::json& rows) {
  std::vector<ScoredImage> out;
  for (std::size_t i = 0; i < rows["labels"].size(); ++i)
    out.push_back({1 - rows["probabilities"][i][0].get<double>(), rows["labels"][i] != 0});
  return out;
}

TEST(Curves, AreasAreThoseOfTheReference) {
  std::ifstream file(HOLISAFE_SOURCE_DIR "/src/metrics/testdata/reference.json");
  const auto reference = nlohmann::json::parse(file);
  int compared = 0;
  for (const auto& rows : reference["guard"]) {
    const auto images = unsafe_images(rows);
    const Curves found = curves(images);
    double area = 0;
    for (std::size_t i = 1; i < found.roc.size(); ++i) {
      const auto& [x0, y0] = found.roc[i - 1];
      const auto& [x1, y1] = found.roc[i];
      area += (x1 - x0) * (y0 + y1) / 2;
    }
    EXPECT_NEAR(area, rows["auroc"].get<double>(), 1e-12);
    double average = 0;
    double recall = 0;
    for (const auto& [x, precision] : found.precision_recall) {
      average += (x - recall) * precision;
      recall = x;
    }
    EXPECT_NEAR(average, *class_at_threshold(images, 0.5).average_precision, 1e-12);
    EXPECT_EQ(found.roc.front(), std::pair(0.0, 0.0));
    EXPECT_EQ(found.roc.back(), std::pair(1.0, 1.0));
    EXPECT_EQ(recall, 1);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(Curves, NothingWithoutBothKinds) {
  EXPECT_TRUE(curves({}).roc.empty());
  EXPECT_TRUE(curves({{0.5, true}, {0.2, true}}).roc.empty());
  EXPECT_TRUE(curves({{0.5, false}}).precision_recall.empty());
}

TEST(Curves, ImagesOfOneScoreComeTogether) {
  const Curves found = curves({{0.5, true}, {0.9, true}, {0.5, false}, {0.1, false}});
  const std::vector<std::pair<double, double>> roc = {{0, 0}, {0, 0.5}, {0.5, 1}, {1, 1}};
  EXPECT_EQ(found.roc, roc);
  const std::vector<std::pair<double, double>> precision_recall = {{0.5, 1}, {1, 2.0 / 3}, {1, 0.5}};
  EXPECT_EQ(found.precision_recall, precision_recall);
}

}  // namespace
}  // namespace holisafe::metrics
