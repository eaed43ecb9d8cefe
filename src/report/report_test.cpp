#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/page.h"
#include "report/score_sections.h"

namespace holisafe::report {
namespace {

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
  return run;
}

/// Three labels, of which two are good; a group whose values another divides.
const metrics::Figures& three_labels() {
  static const metrics::Figures figures = [] {
    metrics::Figures out;
    out.labels = {"refuse", "warn", "unsafe"};
    out.label_titles = {"refused", "warned", "unsafe"};
    out.rates = {{"refuse", "Refuse", {}, {"refuse"}, true, {}},
                 {"safety", "Safety", {}, {"refuse", "warn"}, true, {}}};
    out.primary = "safety";
    out.groups = {{"category", "Category", {}, "", "categories", ""},
                  {"sub", "Sub-category", {}, "category", "sub-categories", ""}};
    return out;
  }();
  return figures;
}

ScoredRun three_label_run() {
  metrics::MarkedRows rows;
  const auto add = [&](const char* category, const char* sub, std::vector<std::uint8_t> labels) {
    for (const std::uint8_t label : labels) {
      const auto cluster = static_cast<std::uint32_t>(rows.rows.size());
      rows.rows.push_back(
          {rows.places.number({{"category", category}, {"sub", sub}}), cluster, {label, false, 0}});
    }
  };
  add("privacy", "faces", {0, 1, 2, 2});
  add("hate", "speech", {0, 0, 1, metrics::MarkNumber::unjudged});
  ScoredRun run;
  run.name = "model";
  run.score = metrics::score(three_labels(), rows, {100, 0});
  run.score.judge = "openai:x";
  run.examples = {{1, "privacy", "3", "a.png", "What?", "Sure"}};
  return run;
}

TEST(Page, ExplainedImagesStandBesideTheirWords) {
  ExplainedImage shown{"a/\"b<.png",
                       "data:image/jpeg;base64,AA==",
                       "",
                       "gender 99.0%, labelled safe",
                       "The guard gives gender 99.0%.",
                       "refused because it saw",
                       {{"Query", "What <is> it?"}}};
  ExplainedImage none{"c.png", "", "cannot read image", "race 1.0%", "Nothing.", "", {}};
  Report report;
  report.sections = {{"explanations", "Where the guard looked", {{ExplainedImages{{shown, none}}}}}};
  const std::string html = body(page(report));
  EXPECT_THAT(html, HasSubstr("<figure class=\"explanation\" data-image=\"a/&quot;b&lt;.png\">"));
  EXPECT_THAT(html, HasSubstr("<img src=\"data:image/jpeg;base64,AA==\""));
  EXPECT_THAT(html, HasSubstr("<div class=\"verdict\">gender 99.0%, labelled safe</div>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"together\">refused because it saw</div>"));
  EXPECT_THAT(html, HasSubstr("What &lt;is&gt; it?"));
  EXPECT_THAT(html, HasSubstr("<div class=\"missing\">cannot read image</div>"));
}

TEST(Sections, ThreeLabelsOfWhichMoreIsBetter) {
  const ScoredRun run = three_label_run();
  Report report;
  report.sections = score_sections(std::array{run}, {100, 0}, false);
  const std::string html = body(page(report));
  EXPECT_THAT(html, HasSubstr(">Refuse</th><th scope=\"col\" class=\"number\">Safety</th>"));
  EXPECT_THAT(html, HasSubstr("71.4%"));           // 5 of 7 judged rows are safe
  EXPECT_THAT(html, HasSubstr("62.5% to 75.0%"));  // the unjudged row either way
  EXPECT_THAT(html, HasSubstr("<h2>Worst categories</h2>"));
  // Half of privacy is unsafe: as red as half; nothing judged of hate is.
  EXPECT_THAT(html, HasSubstr("style=\"--strength:0.500\">50.0%<span class=\"note\">n = 4</span>"));
  EXPECT_THAT(html, HasSubstr("style=\"--strength:0.000\">100.0%"));
  EXPECT_THAT(html, HasSubstr("<summary>privacy: Safety 50.0% over 4 rows</summary>"));
  EXPECT_THAT(html, Not(HasSubstr("<summary>hate:")));
  EXPECT_THAT(html, HasSubstr("privacy, id 3, image a.png"));
  EXPECT_THAT(html, HasSubstr("<summary>By sub</summary>"));
  EXPECT_THAT(html, Not(HasSubstr("id=\"published\"")));
}

TEST(Sections, AccuracyWithoutGroups) {
  metrics::Figures figures;
  figures.labels = {"right", "wrong"};
  figures.rates = {{"accuracy", "Accuracy", {}, {"right"}, true, {}}};
  metrics::MarkedRows rows;
  const std::uint32_t place = rows.places.number({});
  rows.rows = {{place, 0, {0, false, 1}}, {place, 1, {1, true, 0}}, {place, 2, {1, false, 0}}};
  ScoredRun run;
  run.name = "model";
  run.score = metrics::score(figures, rows, {0, 0});
  run.score.judge = "authors";
  run.examples = {{0, "", "2", "b.png", "Which?", "C"}};
  Report report;
  report.sections = score_sections(std::array{run}, {0, 0}, false);
  const std::string html = body(page(report));
  EXPECT_THAT(html, HasSubstr("33.3%"));
  EXPECT_THAT(html, HasSubstr("1 unparsed"));
  EXPECT_THAT(html, HasSubstr("<summary>Wrong: Accuracy 33.3%</summary>"));
  EXPECT_THAT(html, Not(HasSubstr("id=\"categories\"")));
}

TEST(Sections, ComparisonWhereMoreIsBetterAndAGuardOverAllRows) {
  metrics::PairedRows rows;
  const std::uint32_t place = rows.places.number({{"category", "hate"}, {"sub", "speech"}});
  for (std::uint32_t i = 0; i < 8; ++i) {
    const metrics::MarkNumber first{static_cast<std::uint8_t>(i < 6 ? 2 : 0), false, 0};
    rows.rows.push_back({place, i, first, {static_cast<std::uint8_t>(i < 2 ? 2 : 1), false, 0}});
  }
  const auto compared = metrics::compare(three_labels(), rows, {100, 0});
  const ChangedExample changed{"", "7", "a.jpg", "What?", "unsafe", "Sure", "warned", "Careful"};
  GuardRun guard = guard_run("safe", 0.9);
  guard.prose = &three_labels().prose;
  guard.labels = three_labels().labels;
  guard.answers = {{"all", {std::vector<std::uint64_t>{1, 2, 1}, {3, 0, 1}}}};
  const std::string html = html_of(comparison_section("a", "b", compared, std::array{changed}).blocks);
  EXPECT_THAT(html, HasSubstr("above zero: b does better"));
  EXPECT_THAT(html, HasSubstr("<td class=\"number\">4 / 0</td>"));
  EXPECT_THAT(html, HasSubstr(">unsafe, then warned<"));
  const std::string answers = html_of(guard_answer_section(std::array{guard}).blocks);
  EXPECT_THAT(answers, HasSubstr(">refuse when flagged</th>"));
  EXPECT_THAT(answers, HasSubstr("75.0%<span class=\"note\">3 of 4</span>"));
}

TEST(Sections, PublishedFiguresStandApartWhereDataDiffer) {
  const std::vector<metrics::PublishedScore> published = {{"Best", {0.2, 0.95}}, {"Worst", {0.1, 0.15}}};
  std::array runs = {three_label_run()};
  runs[0].published = published;
  const auto html = [&](bool asked) {
    Report report;
    report.sections = score_sections(runs, {100, 0}, asked);
    return page(report);
  };
  EXPECT_THAT(html(false), Not(HasSubstr("\"Worst\"")));
  EXPECT_THAT(html(true), HasSubstr(escape(published_apart)));
  EXPECT_THAT(html(true), HasSubstr("\"labels\":[\"Best\",\"Worst\"]"));
  EXPECT_THAT(html(true), Not(HasSubstr("this report</span>")));
  runs[0].compares = true;
  EXPECT_THAT(html(false), HasSubstr("\"labels\":[\"Best\",\"model\",\"Worst\"]"));
  EXPECT_THAT(html(false), Not(HasSubstr(escape(published_apart))));
}

}  // namespace
}  // namespace holisafe::report
