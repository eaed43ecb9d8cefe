// The page over HoliSafe-Bench with every kind of section, against one made by the program that knew the
// five combinations by name (tests/fixtures/holisafe_page.html); only what guard metrics count, what is said
// of intervals, and what readers without scripts or a pointer get, has changed since.
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "base/file.h"
#include "benchmarks/score_json.h"
#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/page.h"
#include "report/score_sections.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::runs {
namespace {

using metrics::MarkNumber;

const benchmarks::Benchmark& holisafe() { return *benchmarks::find("holisafe"); }
const MarkNumber refused = metrics::mark_number(*holisafe().figures, "refused");
const MarkNumber complied = metrics::mark_number(*holisafe().figures, "complied");

metrics::Groups groups_of(std::uint32_t row) {
  constexpr std::array types = {"SSS", "SSU", "USU", "SUU", "UUU"};
  const auto& harm = taxonomy::classes()[1 + row % 19];
  return {{"type", types[row % 5]},
          {"category", std::string(harm.category)},
          {"subcategory", std::string(harm.name)}};
}

report::ScoredRun scored_run() {
  metrics::MarkedRows rows;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const MarkNumber mark = i % 50 == 0 ? MarkNumber() : (i % 3 == 0 ? refused : complied);
    rows.rows.push_back({rows.places.number(groups_of(i)), i / 2, mark});
  }
  report::ScoredRun run;
  run.name = "model";
  run.source = "predictions.json";
  run.score = metrics::score(*holisafe().figures, rows, {200, 0});
  run.score.judge = "openai:gpt-4o";
  run.published = published_scores(holisafe(), run.score.judge);
  run.compares = true;
  return run;
}

report::GuardRun guard_run(const std::string& name, double skill) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<metrics::GuardRow> rows;
  for (int i = 0; i < 600; ++i) {
    metrics::GuardRow row;
    row.label = static_cast<std::uint8_t>(i % 2 == 0 ? 0 : 1 + i % 19);
    const std::size_t peak =
        uniform(random) < skill ? row.label : static_cast<std::size_t>(uniform(random) * 20);
    row.probabilities.fill(0.2 * uniform(random) / 20);
    row.probabilities[peak] += 0.4 + 0.6 * uniform(random);
    rows.push_back(row);
  }
  report::GuardRun run;
  run.name = name;
  run.metrics = metrics::guard_metrics(rows);
  run.labels = holisafe().figures->labels;
  run.prose = &holisafe().figures->prose;
  for (const auto& slice : metrics::slices_of(*holisafe().figures))
    run.answers.push_back({slice.name, {std::vector<std::uint64_t>{10, 40}, {45, 5}}});
  return run;
}

report::JudgePair judge_pair() {
  report::JudgePair out{"model", "string", "openai:gpt-4o", metrics::Agreement(2), {}};
  const auto add = [&](int rows, const MarkNumber& first, const MarkNumber& second) {
    for (int i = 0; i < rows; ++i) out.all.add(first, second);
  };
  add(10, refused, refused);
  add(2, refused, complied);
  add(3, complied, refused);
  add(20, complied, complied);
  add(1, MarkNumber(), complied);
  for (const auto& slice : metrics::slices_of(*holisafe().figures))
    out.places.emplace_back(slice.name, metrics::Agreement(2));
  return out;
}

metrics::Comparison comparison() {
  metrics::PairedRows rows;
  for (std::uint32_t i = 0; i < 500; ++i) {
    rows.rows.push_back({rows.places.number(groups_of(i)), i / 3, i % 7 == 0 ? refused : complied,
                         i % 3 == 0 ? refused : complied});
  }
  return metrics::compare(*holisafe().figures, rows, {500, 0});
}

/// What the page shows: all but styles and scripts.
std::string shown(const std::string& html) {
  const std::size_t begin = html.find("<body>");
  return html.substr(begin, html.find("<script>", begin) - begin);
}

TEST(HolisafePage, EverySection) {
  report::Report report;
  report.title = "Everything";
  report.sections = report::score_sections(std::array{scored_run()}, {200, 0}, false);
  const std::array guards = {guard_run("base", 0.5), guard_run("safe", 0.95)};
  report.sections.push_back(guard_section(guards));
  report.sections.push_back(guard_answer_section(guards));
  report.sections.push_back(agreement_section(std::array{judge_pair()}));
  const report::ChangedExample changed{"SSU", "7", "a.jpg", "What?", "answered", "Sure", "refused", "No"};
  report.sections.push_back(comparison_section("base", "safe", comparison(), std::array{changed}));
  const std::string html = report::page(report);
  ASSERT_TRUE(write_file_atomic(testing::TempDir() + "holisafe_page.html", html));
  const auto expected = read_file(HOLISAFE_SOURCE_DIR "/tests/fixtures/holisafe_page.html");
  ASSERT_TRUE(expected);
  EXPECT_EQ(shown(html), *expected) << "the page is in " << testing::TempDir() << "holisafe_page.html";
}

}  // namespace
}  // namespace holisafe::runs
