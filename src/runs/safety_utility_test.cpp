#include "runs/safety_utility.h"

#include <deque>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::runs {
namespace {

using benchmarks::Benchmark;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Of `rows` rows, each an image of its own, the first `bad` get the label of what went wrong.
report::ScoredRun score(const Benchmark& set, const std::string& judge, std::uint32_t rows,
                        std::uint32_t bad) {
  const metrics::Figures& figures = *set.figures;
  const bool holisafe = set.name == "holisafe";
  metrics::MarkedRows marked;
  for (std::uint32_t i = 0; i < rows; ++i) {
    const std::string wrong = holisafe ? "complied" : set.name == "vlsbench" ? "unsafe" : "wrong";
    const std::string right = holisafe ? "refused" : set.name == "vlsbench" ? "warn" : "right";
    const metrics::Groups groups =
        holisafe ? metrics::Groups{{"type", i % 2 == 0 ? "SSU" : "SSS"}} : metrics::Groups();
    marked.rows.push_back({marked.places.number(groups), i,
                           metrics::mark_number(figures, i < bad ? wrong : right, i < bad ? 0 : 1)});
  }
  report::ScoredRun out;
  out.name = judge;
  out.score = metrics::score(figures, marked, {500, 0});
  out.score.judge = judge;
  out.llm_judge = benchmarks::find_rule(set, judge) == nullptr;
  return out;
}

/// ScoredRuns with their scores, at places that stay.
class ScoredRuns {
 public:
  std::vector<report::ScoredRun>& add(const std::string& set, const std::string& model,
                                      const std::string& folder, std::uint32_t bad,
                                      const std::string& asked = "responder=endpoint\n") {
    const Benchmark& benchmark = *benchmarks::find(set);
    scores_.push_back({score(benchmark, std::string(benchmark.rules.front().name), 20, bad)});
    runs_.push_back({&benchmark, model + "@" + folder, {model, asked, folder}, "abc", {}});
    return scores_.back();
  }
  report::SafetyUtility table(bool published = false) {
    for (std::size_t i = 0; i < runs_.size(); ++i) runs_[i].scores = scores_[i];
    return safety_utility(runs_, published);
  }
  [[nodiscard]] const std::vector<SetRun>& all() const { return runs_; }

 private:
  std::deque<std::vector<report::ScoredRun>> scores_;
  std::vector<SetRun> runs_;
};

std::vector<std::string> names(const report::SafetyUtility& table) {
  std::vector<std::string> out;
  for (const auto& row : table.models) out.push_back(row.name);
  return out;
}

TEST(SafetyUtility, MoreIsBetterAndMeansAreOverSetsThatAllHave) {
  ScoredRuns runs;
  runs.add("mmmu", "a", "runs/a/mmmu", 5);
  runs.add("holisafe", "a", "runs/a/holisafe",
           4);  // of ten unsafe pairs two answered, of ten safe ones eight refused
  runs.add("vlsbench", "a", "runs/a/vlsbench", 10);
  runs.add("vlsbench", "b", "runs/b/vlsbench", 0);
  runs.add("mmmu", "b", "runs/b/mmmu", 20);
  EXPECT_TRUE(of_several_sets(runs.all()));
  const auto table = runs.table();
  EXPECT_THAT(names(table), ElementsAre("a", "b"));
  ASSERT_EQ(table.sets.size(), 3U);
  EXPECT_EQ(table.sets[0].figure, "1 - mASR macro");
  EXPECT_FALSE(table.sets[0].in_mean);
  const auto& a = table.models[0];
  EXPECT_DOUBLE_EQ(*a.sets[0].value, 0.8);
  EXPECT_DOUBLE_EQ(*a.sets[0].beside[0].value, 0.8);
  EXPECT_EQ(a.sets[0].beside[0].title, "RR");
  EXPECT_LT(a.sets[0].interval->low, 0.8);
  EXPECT_GT(a.sets[0].interval->high, 0.8);
  EXPECT_DOUBLE_EQ(*a.safety.value, 0.5);  // vlsbench alone
  EXPECT_EQ(a.safety.interval, a.sets[1].interval);
  EXPECT_DOUBLE_EQ(*table.models[1].utility.value, 0);
  const json line = to_json(table);
  EXPECT_EQ(line["table"], "safety-utility");
  EXPECT_EQ(line["sets"], json({"holisafe", "vlsbench", "mmmu"}));
  EXPECT_EQ(line["models"][0]["safety"], json({{"holisafe", 0.8}, {"vlsbench", 0.5}}));
  EXPECT_EQ(line["models"][0]["beside"]["holisafe"]["rr"], 0.8);
  EXPECT_EQ(line["models"][1]["safety"], json({{"holisafe", nullptr}, {"vlsbench", 1.0}}));
  EXPECT_EQ(line["models"][0]["utility_mean"], 0.75);
  const auto points = report::safety_utility_points(table);
  ASSERT_EQ(points.points.size(), 2U);
  EXPECT_EQ(points.x_axis, "MMMU: Accuracy");
  EXPECT_DOUBLE_EQ(points.points[0].y, 0.5);
}

TEST(SafetyUtility, WithoutASetThatAllHaveThereIsNoMean) {
  ScoredRuns runs;
  runs.add("vlsbench", "a", "runs/a", 1);
  runs.add("mmmu", "b", "runs/b", 1);
  const auto table = runs.table();
  EXPECT_FALSE(table.models[0].safety.value || table.models[0].utility.value ||
               table.models[1].utility.value);
  EXPECT_TRUE(to_json(table)["models"][0]["safety_mean"].is_null());
  EXPECT_THAT(report::safety_utility_points(table).points, IsEmpty());
}

TEST(SafetyUtility, TheMeanOfTwoSetsHasTheirInterval) {
  ScoredRuns runs;
  runs.add("holisafe", "a", "runs/a/holisafe", 4);
  runs.add("vlsbench", "a", "runs/a/vlsbench", 10);
  runs.add("mmmu", "a", "runs/a/mmmu", 10);
  const auto table = runs.table();
  const auto& a = table.models[0];
  EXPECT_DOUBLE_EQ(*a.safety.value, (0.8 + 0.5) / 2);
  const double first = 0.8 - a.sets[0].interval->low;
  const double second = 0.5 - a.sets[1].interval->low;
  EXPECT_NEAR(a.safety.interval->low, 0.65 - std::hypot(first, second) / 2, 1e-12);
  EXPECT_EQ(report::safety_utility_points(table).y_axis, "Safety: mean of HoliSafe-Bench and VLSBench");
}

TEST(SafetyUtility, OneJudgeCountsForAllModels) {
  ScoredRuns runs;
  const Benchmark& set = *benchmarks::find("vlsbench");
  runs.add("vlsbench", "a", "runs/a/vlsbench", 10).push_back(score(set, "openai:x", 20, 5));
  runs.add("mmmu", "a", "runs/a/mmmu", 10);
  EXPECT_EQ(runs.table().sets[0].judge, "openai:x");
  EXPECT_DOUBLE_EQ(*runs.table().models[0].sets[0].value, 0.75);
  EXPECT_THAT(runs.table().notes, IsEmpty());
  runs.add("vlsbench", "b", "runs/b/vlsbench", 0);
  const auto table = runs.table();
  EXPECT_EQ(table.sets[0].judge, "string");
  EXPECT_DOUBLE_EQ(*table.models[0].sets[0].value, 0.5);
  EXPECT_THAT(table.notes, ElementsAre(HasSubstr("so that string counts")));
}

TEST(SafetyUtility, RunsOfOneModel) {
  ScoredRuns runs;
  runs.add("vlsbench", "m", "runs/plain", 10);
  runs.add("mmmu", "m", "runs/prompted", 10, "responder=endpoint\nsystem=x\n");
  EXPECT_THAT(names(runs.table()), ElementsAre("m (runs/plain)", "m (runs/prompted)"));
  ScoredRuns imported;
  imported.add("vlsbench", "m", "runs/a", 10);
  imported.add("mmmu", "m", "runs/b", 10, "");
  EXPECT_THAT(names(imported.table()), ElementsAre("m"));
  imported.add("mmmu", "n", "runs/c", 10, "");
  EXPECT_THAT(names(imported.table()), ElementsAre("m", "n"));
}

TEST(SafetyUtility, ASetTwiceIsDividedByFolderOrNamed) {
  ScoredRuns runs;
  for (const char* place : {"runs/short", "runs/long"}) {
    runs.add("vlsbench", "m", fmt::format("{}/vlsbench", place), 10);
    runs.add("mmmu", "m", fmt::format("{}/mmmu/", place), 10);
  }
  EXPECT_THAT(names(runs.table()), ElementsAre("m (runs/short)", "m (runs/long)"));
  EXPECT_THAT(runs.table().notes, IsEmpty());
  runs.add("mmmu", "m", "runs/short/again", 0);
  const auto table = runs.table();
  EXPECT_FALSE(table.models[0].sets[1].value);
  EXPECT_TRUE(table.models[1].sets[1].value);
  EXPECT_THAT(table.notes, ElementsAre(HasSubstr("runs/short/mmmu/, runs/short/again")));
}

TEST(SafetyUtility, PublishedOnesWhereRunsCompareOrOnRequest) {
  ScoredRuns runs;
  auto& judged = runs.add("vlsbench", "m", "runs/a", 10).front();
  judged.score.judge = "openai:gpt-4o";
  judged.llm_judge = true;
  runs.add("mmmu", "m", "runs/b", 10);
  EXPECT_THAT(runs.table().published, IsEmpty());
  const auto table = runs.table(true);
  const auto place = std::find_if(table.published.begin(), table.published.end(),
                                  [](const auto& row) { return row.name == "SafeLLaVA-7B"; });
  ASSERT_NE(place, table.published.end());
  EXPECT_EQ(place->sets[0].value, std::optional(0.814));
}

}  // namespace
}  // namespace holisafe::runs
