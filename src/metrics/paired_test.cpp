// Differences where rows count as fractions, and intervals of means over several estimates.
#include "metrics/paired.h"

#include <array>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "metrics/figure_json.h"

namespace holisafe::metrics {
namespace {

using nlohmann::json;

TEST(Paired, FractionsAreNeitherRightNorWrong) {
  Figures figures;
  figures.rates = {{"accuracy", "Accuracy", {}, {}, true, {}}};
  const auto compared = [&](double value) {
    PairedRows rows;
    const std::uint32_t place = rows.places.number({});
    rows.rows = {{place, 0, {0, false, 1}, {0, false, 0}}, {place, 1, {0, false, 1}, {0, false, value}}};
    return compare(figures, rows, {200, 0});
  };
  const auto whole = compared(0);
  ASSERT_TRUE(whole.figures[0] && whole.figures[0]->test);
  EXPECT_EQ(whole.figures[0]->test->only_second_wrong, 2U);
  const auto found = compared(0.3);
  ASSERT_TRUE(found.figures[0]);
  EXPECT_FALSE(found.figures[0]->test);
  EXPECT_DOUBLE_EQ(found.figures[0]->difference, 0.15 - 1);
  const json object = figures_json(found);
  EXPECT_TRUE(object["accuracy"]["p_value"].is_null());
  EXPECT_EQ(object["accuracy"]["n"], 2);
  EXPECT_DOUBLE_EQ(json(figures_json(whole))["accuracy"]["p_value"], 0.5);
}

TEST(Interval, OfAMeanOfIndependentEstimates) {
  EXPECT_FALSE(interval_of_mean({}));
  const Estimate one{0.4, {0.3, 0.6}};
  const auto alone = interval_of_mean(std::array{one});
  EXPECT_DOUBLE_EQ(alone->low, 0.3);
  EXPECT_DOUBLE_EQ(alone->high, 0.6);
  // 3-4-5 triangles.
  const Estimate other{0.8, {0.8 - 0.12, 0.8 + 0.16}};
  const Estimate third{0.5, {0.5 - 0.09, 0.5 + 0.12}};
  const auto both = interval_of_mean(std::array{other, third});
  EXPECT_NEAR(both->low, 0.65 - 0.15 / 2, 1e-12);
  EXPECT_NEAR(both->high, 0.65 + 0.20 / 2, 1e-12);
}

}  // namespace
}  // namespace holisafe::metrics
