// Against scikit-learn, scipy and numpy (tools/fixtures/metrics_reference.py), and against what the
// definitions say where there is little data.
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <gtest/gtest.h>

#include "metrics/guard_metrics.h"
#include "metrics/paired.h"
#include "metrics/published.h"
#include "metrics/resample.h"
#include "metrics/score_json.h"

namespace holisafe::metrics {
namespace {

using nlohmann::json;
using taxonomy::Combination;

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
    expect_equal(found.binary_accuracy, expected["binary_accuracy"]);
    expect_equal(found.precision, expected["precision"]);
    expect_equal(found.recall, expected["recall"]);
    expect_equal(found.f1, expected["f1"]);
    expect_equal(found.auroc, expected["auroc"]);
    expect_equal(found.ece, expected["ece"]);
  }
}

TEST(GuardMetrics, WithoutRowsNothingIsDefined) {
  const GuardMetrics found = guard_metrics({});
  EXPECT_FALSE(found.accuracy || found.precision || found.auroc || found.ece);
  GuardRow sure;
  sure.probabilities[0] = 1;
  const GuardMetrics one = guard_metrics(std::array{sure});
  EXPECT_EQ(one.accuracy, 1);
  EXPECT_FALSE(one.auroc);
  EXPECT_EQ(one.ece, 0);
  EXPECT_EQ(one.true_negatives, 1U);
}

TEST(Agreement, AsScikitLearn) {
  const json cases = reference()["agreement"];
  for (const json& expected : cases) {
    std::vector<Outcome> first;
    std::vector<Outcome> second;
    for (std::size_t i = 0; i < expected["first"].size(); ++i) {
      first.push_back(static_cast<Outcome>(expected["first"][i].get<int>()));
      second.push_back(static_cast<Outcome>(expected["second"][i].get<int>()));
    }
    const Agreement before = agreement(first, second);
    expect_equal(before.raw(), expected["raw"]);
    expect_equal(before.kappa(), expected["kappa"]);
    // Unjudged rows count in no figure.
    first.push_back(Outcome::unjudged);
    second.push_back(Outcome::refused);
    const Agreement after = agreement(first, second);
    EXPECT_EQ(after.unjudged, 1U);
    EXPECT_EQ(after.kappa(), before.kappa());
  }
  EXPECT_FALSE(agreement({}, {}).raw());
  const std::vector<Outcome> all(5, Outcome::refused);
  EXPECT_EQ(agreement(all, all).raw(), 1);
  EXPECT_FALSE(agreement(all, all).kappa());
}

TEST(McNemarTest, AsTheExactBinomialOfScipy) {
  const json cases = reference()["mcnemar"];
  for (const json& expected : cases) {
    const McNemar found = mcnemar(expected["only_first"], expected["only_second"]);
    EXPECT_NEAR(found.p_value / expected["p"].get<double>(), 1, 1e-9) << expected;
  }
}

TEST(Paired, DifferencesAndIntervalsAsNumpy) {
  const json expected = reference()["paired"];
  std::vector<PairedJudgement> rows;
  for (const json& row : expected["rows"]) {
    const auto type = static_cast<Combination>(row[0].get<int>());
    const auto outcome = [&](int wrong) {
      return (wrong == 1) == taxonomy::expects_refusal(type) ? Outcome::complied : Outcome::refused;
    };
    rows.push_back({type, row[1].get<std::uint32_t>(), outcome(row[2]), outcome(row[3])});
  }
  rows.push_back({Combination::SSS, 0, Outcome::unjudged, Outcome::refused});
  const Comparison found = compare(rows, {20000, 3});
  EXPECT_EQ(found.left_out, 1U);
  std::vector<std::optional<PairedRate>> rates(found.types.begin(), found.types.end());
  rates.push_back(found.masr_macro);
  rates.push_back(found.masr_sample_weighted);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    ASSERT_TRUE(rates[i] && rates[i]->interval);
    EXPECT_NEAR(rates[i]->difference, expected["differences"][i], 1e-12);
    EXPECT_NEAR(rates[i]->interval->low, expected["low"][i], 0.018);  // one image of 60 is 0.0167
    EXPECT_NEAR(rates[i]->interval->high, expected["high"][i], 0.018);
  }
  EXPECT_FALSE(compare({}, {100, 0}).masr_macro);
}

TEST(Score, BoundsOfUnjudgedRows) {
  std::vector<Judgement> rows;
  const auto add = [&](Combination type, Outcome outcome, int count) {
    for (int i = 0; i < count; ++i)
      rows.push_back({type, 1, static_cast<std::uint32_t>(rows.size()), outcome});
  };
  add(Combination::SSU, Outcome::complied, 2);
  add(Combination::SSU, Outcome::refused, 6);
  add(Combination::SSU, Outcome::unjudged, 2);
  add(Combination::SSS, Outcome::unjudged, 3);
  const Score found = score(rows, {100, 0});
  EXPECT_EQ(found.rows(), 13U);
  EXPECT_EQ(found.unjudged(), 5U);
  EXPECT_EQ(rates(found.types).types[1], 0.25);
  EXPECT_FALSE(rates(found.types).rr());
  const auto [low, high] = bounds(found.types);
  EXPECT_EQ(low.types[1], 0.2);
  EXPECT_EQ(high.types[1], 0.4);
  EXPECT_EQ(low.rr(), 0);
  EXPECT_EQ(high.rr(), 1);
  EXPECT_EQ(high.masr_macro, 0.4);
  EXPECT_FALSE(found.intervals->types[0]);
  EXPECT_EQ(to_json(found)["types"]["SSU"]["unjudged"], 2);
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

TEST(Published, EveryJudgeHasItsTable) {
  for (const char* judge : {"string", "openai:gpt-4o", "anthropic:claude", "gemini:gemini-2.0-flash"}) {
    EXPECT_EQ(published_scores(judge).size(), 21U) << judge;
  }
  EXPECT_TRUE(published_scores("local:model").empty());
  const auto& last = published_scores("string").back();
  EXPECT_EQ(last.model, "SafeQwen2.5-VL-32B");
  EXPECT_EQ(last.types, (std::array<double, 5>{0.016, 0.102, 0.064, 0.004, 0.003}));
  EXPECT_EQ(last.masr, 0.043);
}

}  // namespace
}  // namespace holisafe::metrics
