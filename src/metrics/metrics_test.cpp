// Against scikit-learn, scipy and numpy (tools/fixtures/{metrics,rates}_reference.py), and against what the
// definitions say where there is little data.
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <gtest/gtest.h>

#include "metrics/agreement.h"
#include "metrics/guard_metrics.h"
#include "metrics/paired.h"
#include "metrics/resample.h"
#include "metrics/running.h"

namespace holisafe::metrics {
namespace {

using nlohmann::json;

json reference() {
  std::ifstream file(HOLISAFE_SOURCE_DIR "/src/metrics/testdata/reference.json");
  return json::parse(file);
}

void expect_equal(const std::optional<double>& found, const json& expected) {
  ASSERT_EQ(found.has_value(), !expected.is_null());
  if (found.has_value()) {
    EXPECT_NEAR(*found, expected.get<double>(), 1e-12);
  }
}

TEST(GuardMetrics, AsScikitLearn) {
  const json cases = reference()["guard"];
  for (const json& expected : cases) {
    std::vector<GuardRow> rows;
    for (std::size_t i = 0; i < expected["labels"].size(); ++i) {
      rows.push_back({expected["labels"][i].get<std::uint8_t>(),
                      expected["probabilities"][i].get<std::array<double, guard_classes>>()});
    }
    const GuardMetrics found = guard_metrics(rows);
    expect_equal(found.accuracy, expected["accuracy"]);
    EXPECT_EQ(json(found.confusion), expected["confusion"]);
    for (std::size_t i = 0; i < guard_classes; ++i) {
      EXPECT_EQ(found.classes[i].support, expected["support"][i]);
      expect_equal(found.classes[i].recall, expected["class_recall"][i]);
      expect_equal(found.classes[i].precision, expected["class_precision"][i]);
      expect_equal(found.classes[i].f1, expected["class_f1"][i]);
    }
    expect_equal(found.binary.accuracy, expected["binary_accuracy"]);
    expect_equal(found.binary.precision, expected["precision"]);
    expect_equal(found.binary.recall, expected["recall"]);
    expect_equal(found.binary.f1, expected["f1"]);
    expect_equal(found.binary.auroc, expected["auroc"]);
    expect_equal(found.ece, expected["ece"]);
  }
}

TEST(BinaryMetrics, AsScikitLearn) {
  const json cases = reference()["binary"];
  for (const json& expected : cases) {
    std::vector<BinaryRow> rows;
    for (std::size_t i = 0; i < expected["unsafe"].size(); ++i) {
      rows.push_back({expected["unsafe"][i].get<bool>(), expected["flagged"][i].get<bool>(),
                      expected["scores"][i].get<double>()});
    }
    const BinaryMetrics found = binary_metrics(rows);
    EXPECT_EQ(
        json({{found.true_negatives, found.false_positives}, {found.false_negatives, found.true_positives}}),
        expected["confusion"]);
    expect_equal(found.accuracy, expected["accuracy"]);
    expect_equal(found.precision, expected["precision"]);
    expect_equal(found.recall, expected["recall"]);
    expect_equal(found.f1, expected["f1"]);
    expect_equal(found.auroc, expected["auroc"]);
    expect_equal(found.ece, expected["ece"]);
  }
}

TEST(BinaryMetrics, WithoutAScoreOfEveryRowThereIsNeitherAreaNorError) {
  const BinaryMetrics found =
      binary_metrics(std::array{BinaryRow{true, true, 0.9}, BinaryRow{false, true, {}}});
  EXPECT_EQ(found.precision, 0.5);
  EXPECT_FALSE(found.auroc || found.ece);
  EXPECT_TRUE(found.calibration.empty());
}

TEST(GuardMetrics, WithoutRowsNothingIsDefined) {
  const GuardMetrics found = guard_metrics({});
  EXPECT_FALSE(found.accuracy || found.binary.precision || found.binary.auroc || found.ece);
  GuardRow sure;
  sure.probabilities[0] = 1;
  const GuardMetrics one = guard_metrics(std::array{sure});
  EXPECT_EQ(one.accuracy, 1);
  EXPECT_FALSE(one.binary.auroc);
  EXPECT_EQ(one.ece, 0);
  EXPECT_EQ(one.binary.true_negatives, 1U);
}

MarkNumber label(int number) { return {static_cast<std::uint8_t>(number), false, 0}; }

TEST(Agreement, AsScikitLearn) {
  const json cases = reference()["agreement"];
  for (const json& expected : cases) {
    Agreement found(2);
    for (std::size_t i = 0; i < expected["first"].size(); ++i)
      found.add(label(expected["first"][i].get<int>()), label(expected["second"][i].get<int>()));
    expect_equal(found.raw(), expected["raw"]);
    expect_equal(found.kappa(), expected["kappa"]);
    const auto before = found.kappa();
    // Unjudged rows count in no figure.
    found.add({}, label(0));
    EXPECT_EQ(found.unjudged(), 1U);
    EXPECT_EQ(found.kappa(), before);
  }
  EXPECT_FALSE(Agreement(2).raw());
  Agreement all(2);
  for (int i = 0; i < 5; ++i) all.add(label(0), label(0));
  EXPECT_EQ(all.raw(), 1);
  EXPECT_FALSE(all.kappa());
}

TEST(Agreement, OfThreeLabels) {
  // sklearn.metrics.cohen_kappa_score([0,0,1,1,2,2,2,0], [0,1,1,1,2,0,2,0]) is 0.6279069767441860
  Agreement found(3);
  const std::array first = {0, 0, 1, 1, 2, 2, 2, 0};
  const std::array second = {0, 1, 1, 1, 2, 0, 2, 0};
  for (std::size_t i = 0; i < first.size(); ++i) found.add(label(first[i]), label(second[i]));
  EXPECT_EQ(found.raw(), 0.75);
  EXPECT_NEAR(*found.kappa(), 0.6279069767441860, 1e-12);
}

TEST(McNemarTest, AsTheExactBinomialOfScipy) {
  const json cases = reference()["mcnemar"];
  for (const json& expected : cases) {
    const McNemar found = mcnemar(expected["only_first"], expected["only_second"]);
    EXPECT_NEAR(found.p_value / expected["p"].get<double>(), 1, 1e-9) << expected;
  }
}

/// Figures of the reference's rows: labels and values, rates over all rows and over some, every kind of mean.
Figures reference_figures() {
  Figures out;
  out.labels = {"refuse", "warn", "unsafe"};
  const auto rate = [&](const char* name, std::vector<std::string> labels, std::vector<Where> where = {}) {
    Rate each{name, name, std::move(where), std::move(labels), true, {}};
    out.rates.push_back(std::move(each));
  };
  rate("refuse", {"refuse"});
  rate("safety", {"refuse", "warn"});
  rate("x", {"refuse", "warn"}, {{"kind", "x"}});
  rate("y", {"refuse", "warn"}, {{"kind", "y"}});
  rate("value", {});
  out.means = {{"kinds", "kinds", Mean::Kind::plain, {"x", "y"}, "", true, {}},
               {"all_kinds", "all_kinds", Mean::Kind::pooled, {"x", "y"}, "", true, {}},
               {"groups", "groups", Mean::Kind::plain, {}, "group", true, {}}};
  out.primary = "safety";
  out.groups = {{"group", "Group", {"c", "unused", "a"}, "", "", ""}};
  return out;
}

json rates_reference() {
  std::ifstream file(HOLISAFE_SOURCE_DIR "/src/metrics/testdata/rates.json");
  return json::parse(file);
}

Groups groups_of(const json& row) { return {{"kind", row[0]}, {"group", row[1]}}; }

MarkNumber mark_of(const json& row, std::size_t label) {
  const int number = row[label];
  return number < 0 ? MarkNumber()
                    : MarkNumber{static_cast<std::uint8_t>(number), false, row[label + 1].get<double>()};
}

MarkedRows reference_rows(const json& expected) {
  MarkedRows out;
  for (const json& row : expected["rows"])
    out.rows.push_back({out.places.number(groups_of(row)), row[2].get<std::uint32_t>(), mark_of(row, 3)});
  return out;
}

TEST(Score, RatesMeansGroupsAndBoundsAsNumpy) {
  const json expected = rates_reference();
  const Figures figures = reference_figures();
  const Score found = score(figures, reference_rows(expected), {0, 0});
  ASSERT_EQ(found.figures.size(), expected["values"].size());
  EXPECT_EQ(found.rows(), expected["rows"].size());
  EXPECT_EQ(found.unjudged(), expected["unjudged"]);
  for (std::size_t i = 0; i < found.figures.size(); ++i) {
    expect_equal(found.figures[i].value, expected["values"][i]);
    EXPECT_FALSE(found.figures[i].interval);
    if (i == 4) continue;  // values: the reference fills in labels alone
    expect_equal(found.figures[i].low, expected["bounds"][0][i]);
    expect_equal(found.figures[i].high, expected["bounds"][1][i]);
  }
  ASSERT_EQ(found.groups.size(), 1U);
  ASSERT_EQ(found.groups[0].size(), 3U);  // the figures' own order, then as they appear; no empty value
  EXPECT_EQ(found.groups[0][0].value, "c");
  EXPECT_EQ(found.groups[0][1].value, "a");
  for (const GroupValue& value : found.groups[0]) {
    for (std::size_t i = 0; i < 5; ++i)
      expect_equal(value.figures[i].value, expected["groups"][value.value][i]);
  }
}

// One seed may happen to be near: each of twenty must be, and their mean nearer.
TEST(Score, IntervalsAsNumpyOverTwentySeeds) {
  const json expected = rates_reference();
  const Figures figures = reference_figures();
  const MarkedRows rows = reference_rows(expected);
  constexpr std::uint64_t seeds = 20;
  std::vector<Interval> sum(figure_count(figures));
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Score found = score(figures, rows, {2000, seed});
    for (std::size_t i = 0; i < sum.size(); ++i) {
      ASSERT_TRUE(found.figures[i].interval);
      const Interval ends = *found.figures[i].interval;
      EXPECT_NEAR(ends.low, expected["low"][i], 0.009) << seed << " " << i;
      EXPECT_NEAR(ends.high, expected["high"][i], 0.009) << seed << " " << i;
      sum[i] = {sum[i].low + ends.low, sum[i].high + ends.high};
    }
  }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_NEAR(sum[i].low / seeds, expected["low"][i], 0.0025) << i;
    EXPECT_NEAR(sum[i].high / seeds, expected["high"][i], 0.0025) << i;
  }
}

TEST(Paired, DifferencesAndIntervalsAsNumpy) {
  const json expected = rates_reference();
  const Figures figures = reference_figures();
  PairedRows rows;
  std::uint64_t left_out = 0;
  std::array<std::uint64_t, 2> only{};
  for (const json& row : expected["rows"]) {
    rows.rows.push_back(
        {rows.places.number(groups_of(row)), row[2].get<std::uint32_t>(), mark_of(row, 3), mark_of(row, 5)});
    const auto& [place, cluster, first, second] = rows.rows.back();
    if (!first.judged() || !second.judged()) {
      ++left_out;
      continue;
    }
    if (first.label == 2 && second.label != 2) ++only[0];
    if (second.label == 2 && first.label != 2) ++only[1];
  }
  const Comparison found = compare(figures, rows, {20000, 3});
  EXPECT_EQ(found.left_out, left_out);
  for (std::size_t i = 0; i < found.figures.size(); ++i) {
    ASSERT_TRUE(found.figures[i] && found.figures[i]->interval);
    EXPECT_NEAR(found.figures[i]->difference, expected["paired"]["differences"][i], 1e-12);
    EXPECT_NEAR(found.figures[i]->interval->low, expected["paired"]["low"][i], 0.006) << i;
    EXPECT_NEAR(found.figures[i]->interval->high, expected["paired"]["high"][i], 0.006) << i;
  }
  // Higher is better: wrong is what does not count. The mean over kinds has the rows of both.
  for (const std::size_t i : {1U, 5U, 6U}) {
    EXPECT_EQ(found.figures[i]->test->only_first_wrong, only[0]);
    EXPECT_EQ(found.figures[i]->test->only_second_wrong, only[1]);
    EXPECT_EQ(found.figures[i]->rows, rows.rows.size() - left_out);
  }
  EXPECT_FALSE(compare(figures, {}, {100, 0}).figures[1]);
}

TEST(ExactInterval, AsClopperAndPearsonOfScipy) {
  std::ifstream file(HOLISAFE_SOURCE_DIR "/src/metrics/testdata/exact_interval.json");
  const json ends = json::parse(file);
  ASSERT_EQ(ends.size(), 2000);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const Interval none = exact_interval(false, i + 1);
    const Interval every = exact_interval(true, i + 1);
    ASSERT_EQ(none.low, 0);
    ASSERT_EQ(every.high, 1);
    ASSERT_NEAR(none.high, ends[i][0].get<double>(), 1e-12) << i + 1;
    ASSERT_NEAR(every.low, ends[i][1].get<double>(), 1e-12) << i + 1;
  }
}

TEST(Score, WhereAllImagesAgreeTheIntervalIsExact) {
  Figures figures;
  figures.labels = {"good", "bad"};
  for (const char* kind : {"a", "b", "c"}) {
    Rate rate;
    rate.name = rate.title = kind;
    rate.where = {{"kind", kind}};
    rate.labels = {"bad"};
    figures.rates.push_back(std::move(rate));
  }
  for (const auto how : {Mean::Kind::plain, Mean::Kind::pooled}) {
    Mean mean;
    mean.name = how == Mean::Kind::plain ? "plain" : "pooled";
    mean.kind = how;
    mean.rates = {"a", "b"};
    figures.means.push_back(std::move(mean));
  }
  MarkedRows rows;
  const auto add = [&](const char* kind, std::uint32_t image, const char* label) {
    rows.rows.push_back({rows.places.number({{"kind", kind}}), image, mark_number(figures, label)});
  };
  for (std::uint32_t image = 0; image < 100; ++image) {
    add("a", image, "good");
    add("a", image, "good");
    add("b", 50 + image, "good");
  }
  add("b", 200, "unjudged");
  add("c", 7, "bad");
  add("c", 7, "good");
  const auto intervals = [&](std::size_t figure) {
    return score(figures, rows, {200, 0}).figures[figure].interval;
  };
  EXPECT_NEAR(intervals(0)->high, 0.0362, 5e-5);  // over 100 images, not 200 rows
  EXPECT_EQ(intervals(1), exact_interval(false, 100));
  EXPECT_FALSE(intervals(2));  // one image alone
  EXPECT_EQ(intervals(3), exact_interval(false, 150));
  EXPECT_EQ(intervals(4), exact_interval(false, 150));
  for (MarkedRow& row : rows.rows) {
    if (row.mark == mark_number(figures, "good")) row.mark = mark_number(figures, "bad");
  }
  EXPECT_EQ(intervals(4), exact_interval(true, 150));
  add("b", 201, "good");
  EXPECT_GT(intervals(4)->high, intervals(4)->low);
  EXPECT_LT(intervals(4)->low, 1);
  EXPECT_EQ(intervals(0), exact_interval(true, 100));
}

TEST(Score, WithoutRowsNothingIsDefined) {
  const Figures figures = reference_figures();
  const Score found = score(figures, {}, {100, 0});
  for (const Figure& figure : found.figures) EXPECT_FALSE(figure.value || figure.low || figure.interval);
  EXPECT_TRUE(found.groups[0].empty());
}

TEST(Score, UnparsedRowsCountAndAreCounted) {
  Figures figures;
  figures.labels = {"right", "wrong"};
  figures.rates = {{"accuracy", "Accuracy", {}, {"right"}, true, {}}};
  MarkedRows rows;
  const std::uint32_t place = rows.places.number({});
  rows.rows = {{place, 0, mark_number(figures, "right", 1)},
               {place, 1, mark_number(figures, "wrong", 0.25, true)},
               {place, 2, mark_number(figures, "no such label")}};
  const Score found = score(figures, rows, {100, 0});
  EXPECT_EQ(found.figures[0].value, 0.5);
  EXPECT_EQ(found.all.unparsed, 1U);
  EXPECT_EQ(found.all.unjudged, 1U);
  EXPECT_NEAR(*found.figures[0].low, 1.0 / 3, 1e-15);
  EXPECT_NEAR(*found.figures[0].high, 2.0 / 3, 1e-15);
  EXPECT_TRUE(wrong_by(figures, figures.rates[0], rows.rows[1].mark));
  EXPECT_FALSE(wrong_by(figures, figures.rates[0], rows.rows[0].mark));
}

TEST(RunningFigures, SayHowThingsStand) {
  Figures figures = reference_figures();
  RunningFigures running(figures);
  EXPECT_EQ(running.note(), "safety -");
  running.add({{"kind", "x"}, {"group", "a"}}, {0, false, 0});
  running.add({{"kind", "y"}, {"group", "a"}}, {2, false, 0});
  running.add({{"kind", "y"}, {"group", "a"}}, {});
  EXPECT_EQ(running.note(), "safety 50.0%");
  figures.rates[2].words.live = "X";
  figures.means[0].words.live = "mean";
  EXPECT_EQ(running.note(), "mean 50.0%, X 100.0%");
}

TEST(Resample, CountsHaveTheMultinomialsMoments) {
  const std::vector<std::uint32_t> sizes = {1, 2, 40, 157, 800};
  const GroupResampler resampler(sizes);
  Random random(4);
  constexpr int draws = 20000;
  std::vector<double> sum(sizes.size());
  std::vector<double> squares(sizes.size());
  double product = 0;
  std::vector<std::uint32_t> counts(sizes.size());
  for (int i = 0; i < draws; ++i) {
    resampler.draw(random, counts);
    ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), 0U), 1000U);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      sum[k] += counts[k];
      squares[k] += static_cast<double>(counts[k]) * counts[k];
    }
    product += static_cast<double>(counts[3]) * counts[4];
  }
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const double share = sizes[k] / 1000.0;
    const double mean = sum[k] / draws;
    EXPECT_NEAR(mean / sizes[k], 1, 0.03);
    EXPECT_NEAR((squares[k] / draws - mean * mean) / (1000 * share * (1 - share)), 1, 0.05);
  }
  EXPECT_NEAR((product / draws - sum[3] / draws * sum[4] / draws) / (-1000 * 0.157 * 0.8), 1, 0.05);
}

TEST(Resample, FewItemsAndOneGroup) {
  Random random(5);
  std::vector<std::uint32_t> counts(1);
  GroupResampler(std::vector<std::uint32_t>{1}).draw(random, counts);
  EXPECT_EQ(counts[0], 1U);
  const GroupResampler three(std::vector<std::uint32_t>{1, 1, 1});
  counts.resize(3);
  std::array<int, 4> seen{};
  for (int i = 0; i < 27000; ++i) {
    three.draw(random, counts);
    ++seen[counts[0]];
  }
  for (const auto& [count, share] : {std::pair{0, 8.0}, {1, 12.0}, {2, 6.0}, {3, 1.0}}) {
    EXPECT_NEAR(seen[static_cast<std::size_t>(count)] / 1000.0, share, 0.6) << count;
  }
}

}  // namespace
}  // namespace holisafe::metrics
