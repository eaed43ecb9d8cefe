#include "runs/bounds_check.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::runs {
namespace {

using testing::HasSubstr;
using testing::Not;

const metrics::Figures& figures() {
  static const metrics::Figures out = [] {
    metrics::Figures made;
    made.labels = {"right", "wrong"};
    made.rates = {{"accuracy", "Accuracy", {}, {"right"}, true, {}},
                  {"error", "Error rate", {}, {"wrong"}, false, {}}};
    made.primary = "accuracy";
    return made;
  }();
  return out;
}

report::ScoredRun run() {
  metrics::MarkedRows rows;
  const std::uint32_t place = rows.places.number({});
  for (std::uint32_t i = 0; i < 10; ++i)
    rows.rows.push_back({place, i, {static_cast<std::uint8_t>(i < 6 ? 0 : 1), false, 0}});
  report::ScoredRun out;
  out.name = "a<b";
  out.score = metrics::score(figures(), rows, {0, 0});
  out.score.judge = "authors";
  return out;
}

std::string failed(const FigureBounds& bounds) {
  const std::array runs = {run()};
  const auto checks = check_figures(runs, bounds);
  std::string out;
  for (const auto& check : *checks) {
    if (check.fell_short()) out += check.figure + ";";
  }
  return out;
}

TEST(CheckFigures, ABoundIsTheLowestWhereMoreIsBetter) {
  EXPECT_EQ(failed({}), "");
  EXPECT_EQ(failed({.figures = {{"accuracy", 0.6}, {"error", 0.4}}, .primary_rates = {}, .unjudged = 0.0}),
            "");
  EXPECT_EQ(failed({.figures = {{"accuracy", 0.61}}, .primary_rates = {}, .unjudged = {}}), "Accuracy;");
  EXPECT_EQ(failed({.figures = {{"error", 0.39}}, .primary_rates = {}, .unjudged = {}}), "Error rate;");
  EXPECT_EQ(failed({.figures = {}, .primary_rates = 0.7, .unjudged = {}}), "Accuracy;");
}

TEST(CheckFigures, NamesAndRowsMustBeThere) {
  const std::array runs = {run()};
  const auto unknown = check_figures(runs, {.figures = {{"rr", 0.1}}, .primary_rates = {}, .unjudged = {}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::usage);
  EXPECT_THAT(unknown.error().message(), HasSubstr("accuracy, error"));
  std::array empty = {run()};
  empty[0].score = metrics::score(figures(), {}, {0, 0});
  const auto nothing =
      check_figures(empty, {.figures = {{"error", 0.1}}, .primary_rates = {}, .unjudged = {}});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::missing);
}

TEST(Junit, SaysWhichWayABoundGoes) {
  const std::array runs = {run()};
  const auto checks = check_figures(
      runs, {.figures = {{"accuracy", 0.7}, {"error", 0.1}}, .primary_rates = {}, .unjudged = {}});
  const std::string xml = junit(*checks);
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"a&lt;b (authors)\" tests=\"3\" failures=\"2\""));
  EXPECT_THAT(xml, HasSubstr("expected at least 70.00%, found 60.00%"));
  EXPECT_THAT(xml, HasSubstr("expected at most 10.00%, found 40.00%"));
}

}  // namespace
}  // namespace holisafe::runs
