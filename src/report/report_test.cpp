#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/page.h"
#include "report/score_sections.h"

namespace holisafe::report {
namespace {

using metrics::Outcome;
using taxonomy::Combination;
using testing::HasSubstr;
using testing::Not;

std::string html_of(std::vector<Block> blocks) {
  Report report;
  report.title = "T";
  report.sections.push_back({"s", "S", std::move(blocks)});
  return page(report);
}

std::string body(const std::string& html) {
  const std::size_t begin = html.find("<main>");
  return html.substr(begin, html.find("</main>") - begin);
}

TEST(Escape, NothingBecomesMarkupOrInvisible) {
  EXPECT_EQ(escape("<a href=\"x\">'&amp;"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;");
  EXPECT_EQ(escape(std::string_view("a\0b\x1b\x7f\n\t", 7)),
            "a\xe2\x90\x80"
            "b\xe2\x90\x9b\xe2\x90\xa1\n\t");
  EXPECT_EQ(escape("\xe2\x80\xae"), "<span class=\"code\">U+202E</span>");
  EXPECT_EQ(escape("\xef\xbb\xbf\xe2\x80\x8b"),
            "<span class=\"code\">U+FEFF</span><span class=\"code\">U+200B</span>");
  EXPECT_EQ(escape("\xe2\x80\x99\xe2\x80\x93 \xe4\xb8\xad"), "\xe2\x80\x99\xe2\x80\x93 \xe4\xb8\xad");
  EXPECT_EQ(escape("\xe2\x80"), "\xe2\x80");
}

TEST(Percent, RoundsAndSaysWhereThereIsNone) {
  EXPECT_EQ(percent(0.1234), "12.3%");
  EXPECT_EQ(percent(1.0), "100.0%");
  EXPECT_EQ(percent(std::nullopt), "\xe2\x80\x93");
  EXPECT_EQ(percent_range(metrics::Interval{0.1, 0.2}),
            "10.0\xe2\x80\x93"
            "20.0%");
}

TEST(Page, SameReportSameBytesAndAnEmptyOneIsWhole) {
  const std::string html = html_of({});
  EXPECT_EQ(html, html_of({}));
  EXPECT_THAT(html, HasSubstr("id=\"charts\">[]</script>"));
  EXPECT_TRUE(html.ends_with("</html>\n"));
}

TEST(Page, ChartDataCannotEndItsScript) {
  BarChart chart;
  chart.title = "</script>";
  chart.labels = {"</script><script>alert(1)</script>", "\xff"};
  chart.series = {{"<!--", {0.5, std::nullopt}, {metrics::Interval{0.25, 0.75}, std::nullopt}}};
  const std::string html = html_of({{chart}});
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, HasSubstr("\\u003c/script>\\u003cscript>alert(1)"));
  EXPECT_THAT(html, HasSubstr("\"values\":[0.5,null],\"intervals\":[[0.25,0.75],null]"));
}

TEST(Page, BlocksInTheirOrder) {
  Table table;
  table.columns = {{"a_b"}, {"n", true, "\"note\""}};
  table.rows = {{{{"x_y"}, {"1", "of 2", Shade::bad, 0.5}}, true}};
  const std::string html =
      body(html_of({{Heading{"H"}}, {Paragraph{"P"}}, {table}, {Fold{"F", {{Paragraph{"inside"}}}, true}}}));
  EXPECT_THAT(html, HasSubstr("<h3>H</h3>\n<p>P</p>\n"));
  EXPECT_THAT(html, HasSubstr("title=\"&quot;note&quot;\">n</th>"));
  EXPECT_THAT(html, HasSubstr("<tr class=\"emphasis\"><th scope=\"row\">x_<wbr>y</th><td class=\"bad\" "
                              "style=\"--strength:0.500\">1"));
  EXPECT_THAT(html, HasSubstr("<details open><summary>F</summary><div class=\"inside\">\n<p>inside</p>"));
}

GuardRun guard_run(const std::string& name, double skill) {
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
  GuardRun run;
  run.name = name;
  run.metrics = metrics::guard_metrics(rows);
  for (auto& type : run.answers) type = {{{40, 10}, {5, 45}}};
  return run;
}

metrics::Comparison some_comparison() {
  std::vector<metrics::PairedJudgement> rows;
  for (std::uint32_t i = 0; i < 500; ++i) {
    rows.push_back({static_cast<Combination>(i % 5), i / 3, i % 7 == 0 ? Outcome::refused : Outcome::complied,
                    i % 3 == 0 ? Outcome::refused : Outcome::complied});
  }
  return metrics::compare(rows, {500, 0});
}

// Also leaves a page with every kind of section to look at.
TEST(Page, EverySection) {
  ScoredRun run;
  run.name = "model";
  run.source = "predictions.json";
  std::vector<metrics::Judgement> rows;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    rows.push_back({static_cast<Combination>(i % 5), static_cast<std::uint8_t>(1 + i % 19), i / 2,
                    i % 50 == 0 ? Outcome::unjudged : (i % 3 == 0 ? Outcome::refused : Outcome::complied)});
  }
  run.score = metrics::score(rows, {200, 0});
  run.score.judge = "openai:gpt-4o";
  Report report;
  report.title = "Everything";
  report.sections = score_sections(std::array{run}, {200, 0});
  const std::array guards = {guard_run("base", 0.5), guard_run("safe", 0.95)};
  report.sections.push_back(guard_section(guards));
  report.sections.push_back(guard_answer_section(guards));
  JudgePair judges{"model", "string", "openai:gpt-4o", {10, 2, 3, 20, 1}, {}};
  report.sections.push_back(agreement_section(std::array{judges}));
  const ChangedExample changed{Combination::SSU,  "7",    "a.jpg",          "What?",
                               Outcome::complied, "Sure", Outcome::refused, "No"};
  report.sections.push_back(comparison_section("base", "safe", some_comparison(), std::array{changed}));
  const std::string html = page(report);
  for (const char* text :
       {"85.7%, κ 0.69", "n = 35", "SafeQwen2.5-VL-32B", "Rows without a verdict",
        "SSU: answered, then refused", "kind\":\"lines\"", "45 of 50", "id=\"guard-answers\""}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  ASSERT_TRUE(write_file_atomic(testing::TempDir() + "holisafe_report_test.html", html));
}

}  // namespace
}  // namespace holisafe::report
