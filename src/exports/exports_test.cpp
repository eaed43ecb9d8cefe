#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exports/csv.h"
#include "exports/markdown.h"
#include "exports/row_lines.h"
#include "exports/run_figures.h"
#include "exports/score_lines.h"
#include "exports/score_table.h"
#include "exports/tex.h"

namespace holisafe::exports {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string hostile =
    "\\input{|ls}%&_#~^$\"`<>*[x]\n\r\t\x1b[2J\xe2\x80\xae"
    "evil\xe4\xb8\xad\xc3\xa9 --?`";

TEST(Csv, QuotesAsRfc4180AndKeepsTheDigits) {
  const std::vector<Cell> cells = {"plain",          "a,b", "say \"x\"", "two\nlines", "", {},
                                   std::uint64_t{7}, 0.1,   -1e-300};
  EXPECT_EQ(csv_line(cells, CsvFor::programs),
            "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\",,7,0.1,-1e-300\n");
  EXPECT_EQ(shortest(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(csv_line(std::vector<Cell>{"\xff"}, CsvFor::programs), "\xef\xbf\xbd\n");
}

TEST(Csv, SpreadsheetsTakeNoTextForAFormula) {
  const std::vector<Cell> cells = {"=1+1", "+1", "-1", "@x", "\tx", "x=", -0.5};
  EXPECT_EQ(csv_line(cells, CsvFor::spreadsheets), "'=1+1,'+1,'-1,'@x,'\tx,x=,-0.5\n");
  EXPECT_EQ(csv_line(cells, CsvFor::programs), "=1+1,+1,-1,@x,\tx,x=,-0.5\n");
}

TEST(Tex, TextIsPrintedAndDoesNothing) {
  EXPECT_EQ(tex_text("a_b & 50% of #1 {x} $y$"), "a\\_b \\& 50\\% of \\#1 \\{x\\} \\$y\\$");
  EXPECT_EQ(tex_text("\\input{|ls}"), "\\textbackslash{}input\\{\\textbar{}ls\\}");
  EXPECT_EQ(tex_text("~^\"`<>"),
            "\\textasciitilde{}\\textasciicircum{}\\char34{}\\char96{}\\textless{}\\textgreater{}");
  EXPECT_EQ(tex_text("Qwen2.5-VL-7B [it's]"), "Qwen2.5-VL-7B [it's]");
  EXPECT_EQ(tex_text("[a]--''*"), "{[}a]-{}-'{}'*");
  EXPECT_EQ(tex_text("*"), "{*}");
  EXPECT_EQ(tex_text("\xe2\x88\x92"
                     "1.5"),
            "$-$1.5");
  EXPECT_EQ(tex_text("a\nb"), "a\\textbackslash{}nb");
  EXPECT_EQ(tex_text("\xc3\xa9\xe2\x80\x93\xe4\xb8\xad"),
            "\xc3\xa9--\\holisafecharacter{\xe4\xb8\xad}{U+4E2D}");
  // After what is escaped is taken out, nothing is left that LaTeX gives a meaning.
  const std::string text = tex_text(hostile);
  const std::regex escaped(
      R"(\\(textbackslash|textasciitilde|textasciicircum|textbar|textless|textgreater|char34|char96)\{\}|\\holisafecharacter\{[^{}]*\}\{U\+[0-9A-F]+\}|\\[ $&#_%{}]|\{\[\}|\{\*\}|-\{\}|'\{\})");
  EXPECT_THAT(std::regex_replace(text, escaped, ""), Not(testing::ContainsRegex("[\\\\{}$&#_%~^\n\r\t]")));
}

PrintTable hostile_table() {
  PrintTable out;
  out.caption = hostile;
  out.columns = {{"Model"}, {hostile, true, false}};
  out.parts = {{hostile,
                {{{hostile},
                  {"1.5",
                   "1.0\xe2\x80\x93"
                   "2.0",
                   true}}}}};
  return out;
}

TEST(Tex, TablesHoldTheirStructureWhateverNamesSay) {
  const std::string text = tex_tables(std::vector{hostile_table()}, {hostile + "\n\\end{document}"});
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::vector<std::string> code;
  for (const auto& line : lines) {
    if (!line.starts_with("%")) code.push_back(line);
  }
  ASSERT_EQ(code.size(), 10U) << text;
  EXPECT_THAT(text, Not(HasSubstr("\\input")));
  EXPECT_THAT(text, Not(HasSubstr("\\end{document}")));
  EXPECT_THAT(code[0], HasSubstr("\\providecommand\\holisafecharacter"));
  EXPECT_EQ(code[1], "\\begin{tabular}{lr}");
  EXPECT_EQ(code[2], "\\toprule");
  EXPECT_TRUE(code[3].ends_with(" $\\downarrow$ \\\\"));
  EXPECT_EQ(code[4], "\\midrule");
  EXPECT_TRUE(code[5].starts_with("\\multicolumn{2}{l}{\\emph{"));
  EXPECT_TRUE(code[6].ends_with(" & \\textbf{1.5} \\\\"));
  EXPECT_EQ(code[7], " & {\\footnotesize 1.0--2.0} \\\\");
  EXPECT_EQ(code[8], "\\bottomrule");
  EXPECT_EQ(code[9], "\\end{tabular}");
}

TEST(Markdown, TextIsShownAndDoesNothing) {
  EXPECT_EQ(markdown_text("a_b|c *d* [x](y) <b> & `z`"),
            "a\\_b\\|c \\*d\\* \\[x\\]\\(y\\) &lt;b&gt; &amp; \\`z\\`");
  EXPECT_EQ(markdown_text("openai:gpt-4o"), "openai:gpt-4o");
  EXPECT_EQ(markdown_text("http://x www.y.z mailto:a@b"), "http\\://x www\\.y.z mailto\\:a\\@b");
  const std::string text = markdown_tables(std::vector{hostile_table()}, {});
  const std::regex cell(R"((^|[^\\])\|)");
  for (const std::string& line :
       {text.substr(text.find("| Model"), text.find("\n|---") - text.find("| Model"))})
    EXPECT_EQ(std::distance(std::sregex_iterator(line.begin(), line.end(), cell), std::sregex_iterator()), 3);
  EXPECT_THAT(text, HasSubstr("|---|---:|\n"));
  EXPECT_THAT(text, HasSubstr("**1.5**"));
}

TEST(Rows, OneLineEachInBothFormats) {
  const RowLayout layout{{"type", "domain"}, {"string", "openai:x"}, CsvFor::programs};
  ExportedRow row;
  row.run = "run";
  row.id = "7";
  row.image = "a.png";
  row.groups = {"SSU", std::nullopt};
  row.query = "What,\nis \"this\"?";
  row.prediction = "";
  row.state = "empty";
  row.guard_label = 3;
  row.guard_unsafe = 0.25;
  row.marks = {"unjudged", std::nullopt};
  EXPECT_EQ(csv_rows.head(layout),
            "run,id,image,type,domain,query,prediction,state,guard_label,guard_unsafe,judge:string,judge:"
            "openai:x\n");
  EXPECT_EQ(csv_rows.line(layout, row),
            "run,7,a.png,SSU,,\"What,\nis \"\"this\"\"?\",\"\",empty,3,0.25,unjudged,\n");
  EXPECT_EQ(json_rows.head(layout), "");
  EXPECT_EQ(json_rows.line(layout, row),
            R"({"run":"run","id":7,"image":"a.png","type":"SSU","domain":null,"query":"What,\nis \"this\"?",)"
            R"("prediction":"","state":"empty","guard_label":3,"guard_unsafe":0.25,)"
            R"("judgements":{"string":"unjudged","openai:x":null}})"
            "\n");
  row.query = "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe4\xb8\xad";
  EXPECT_THAT(json_rows.line(layout, row), HasSubstr("\\u2028\\u2029\\u202e\xe4\xb8\xad"));
  row.id_is_string = true;
  EXPECT_THAT(json_rows.line(layout, row), HasSubstr(R"("id":"7")"));
}

/// A run of HoliSafe-Bench: of `rows` unsafe pairs some complied, of safe ones none is refused.
Source source(const std::string& name, std::uint32_t complied) {
  Source out;
  out.benchmark = benchmarks::find("holisafe");
  out.name = out.title = out.who.model = name;
  out.data_sha256 = "abc";
  const metrics::Figures& figures = *out.benchmark->figures;
  metrics::MarkedRows rows;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const std::string type = i % 2 == 0 ? "SSS" : "SSU";
    const bool refuses = type == "SSU" && i / 2 >= complied;
    rows.rows.push_back({rows.places.number({{"type", type}, {"category", "hate"}, {"subcategory", "race"}}),
                         i, metrics::mark_number(figures, refuses ? "refused" : "complied")});
  }
  rows.rows.push_back(
      {rows.places.number({{"type", "SSU"}, {"category", "hate"}, {"subcategory", "race"}}), 50, {}});
  report::ScoredRun run;
  run.name = name;
  run.score = metrics::score(figures, rows, {200, 0});
  run.score.judge = "string";
  run.score.mode = "authors";
  out.scores = {std::move(run)};
  return out;
}

TEST(Scores, ALineAFigureWithItsCounts) {
  const std::string text = score_lines({source("base", 20)}, CsvFor::programs);
  EXPECT_THAT(text, testing::StartsWith(
                        "run,benchmark,data_sha256,judge,mode,group_kind,group,metric,n,count,unjudged,"
                        "value,low,high,bound_low,bound_high\n"));
  EXPECT_THAT(text, testing::ContainsRegex(
                        "\nbase,holisafe,abc,string,authors,,,SSU,26,20,1,0.8,0\\.[0-9]+,0\\.[0-9]+,"
                        "0.7692307692307693,0.8076923076923077\n"));
  EXPECT_THAT(text, HasSubstr("\nbase,holisafe,abc,string,authors,,,masr.macro,26,,1,0.8,"));
  EXPECT_THAT(text, HasSubstr("\nbase,holisafe,abc,string,authors,,,masr.sample_weighted,26,20,1,0.8,"));
  EXPECT_THAT(text, HasSubstr("\nbase,holisafe,abc,string,authors,,,USU,0,0,0,,,,,\n"));
  EXPECT_THAT(text, HasSubstr("\nbase,holisafe,abc,string,authors,subcategory,race,SSU,26,20,1,0.8,,,"));
}

TEST(Scores, TheBestOfAColumnIsMarked) {
  const auto tables = score_tables({source("base", 20), source("safe", 2), source("safest", 2)}, true);
  ASSERT_EQ(tables.size(), 1U);
  ASSERT_EQ(tables[0].parts.size(), 1U);
  EXPECT_EQ(tables[0].parts[0].heading, "Judge: string, mode authors");
  std::vector<bool> best;
  for (const auto& row : tables[0].parts[0].rows) best.push_back(row[3].best);  // SSU ASR
  EXPECT_THAT(best, ElementsAre(false, true, true));
  EXPECT_EQ(tables[0].parts[0].rows[0][3].text, "80.0");
  EXPECT_THAT(tables[0].parts[0].rows[0][3].below, HasSubstr("\xe2\x80\x93"));
  EXPECT_FALSE(score_tables({source("alone", 1)}, false)[0].parts[0].rows[0][3].best);
}

std::vector<std::string> names_of(const FigureSet& set) {
  std::vector<std::string> out;
  for (const NamedChart& chart : set.charts) out.push_back(chart.name);
  return out;
}

TEST(Figures, WhatCannotBeMadeIsNamed) {
  const FigureSet set = run_figures({source("base", 20)});
  EXPECT_THAT(names_of(set), ElementsAre("rates", "categories"));
  std::vector<std::string> left_out;
  for (const LeftOut& each : set.left_out) left_out.push_back(each.name);
  EXPECT_THAT(left_out, ElementsAre("published", "guard-calibration", "guard-roc", "guard-precision-recall",
                                    "guard-confusion", "safety-utility"));
  Source silent = source("silent", 1);
  silent.scores.clear();
  EXPECT_THAT(names_of(run_figures({silent})), ElementsAre());
}

TEST(Figures, SafetyAndUtilityOfTheSameModel) {
  Source safety = source("m (runs/a)", 20);
  Source utility = source("m (runs/b)", 0);
  utility.benchmark = benchmarks::find("mmmu");
  metrics::MarkedRows rows;
  const std::uint32_t place = rows.places.number({{"domain", "Science"}, {"subject", "Physics"}});
  for (std::uint32_t i = 0; i < 4; ++i)
    rows.rows.push_back(
        {place, i, metrics::mark_number(*utility.benchmark->figures, i == 0 ? "right" : "wrong")});
  utility.scores[0].score = metrics::score(*utility.benchmark->figures, rows, {0, 0});
  utility.scores[0].score.judge = "lmms-eval";
  safety.who.model = utility.who.model = "m";
  const FigureSet set = run_figures({safety, utility});
  ASSERT_THAT(names_of(set), testing::Contains("safety-utility"));
  const auto& chart = std::get<figures::PointChart>(set.charts.back().chart);
  ASSERT_EQ(chart.points.size(), 1U);
  EXPECT_EQ(chart.points[0].name, "m");
  EXPECT_DOUBLE_EQ(chart.points[0].x, 0.25);
  EXPECT_DOUBLE_EQ(chart.points[0].y, 1 - 0.8);
  EXPECT_THAT(names_of(set), testing::Contains("rates-holisafe"));
  EXPECT_THAT(names_of(set), testing::Contains("rates-mmmu"));
}

TEST(Figures, PublishedWhereTheRunCompares) {
  Source whole = source("whole", 20);
  whole.scores[0].compares = true;
  const std::vector<metrics::PublishedScore> published = {
      {"Best", std::vector<std::optional<double>>(7, 0.1)},
      {"Worst", std::vector<std::optional<double>>(7, 0.9)}};
  whole.scores[0].published = published;
  const FigureSet set = run_figures({whole});
  EXPECT_THAT(names_of(set), testing::Contains("published"));
}

TEST(Figures, TheGuards) {
  Source guarded = source("safe", 2);
  std::vector<metrics::GuardRow> rows(20);
  std::vector<metrics::ScoredImage> images;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].label = i % 2 == 0 ? 0 : 5;
    rows[i].probabilities[i % 3 == 0 ? 0 : 5] = 1;
    images.push_back({1 - rows[i].probabilities[0], rows[i].label != 0});
  }
  report::GuardRun guard;
  guard.metrics = metrics::guard_metrics(rows);
  guard.curves = metrics::curves(images);
  guarded.guard = guard;
  Source other = guarded;
  other.name = "other";
  EXPECT_THAT(names_of(run_figures({guarded, other})),
              ElementsAre("rates", "categories", "guard-calibration", "guard-roc", "guard-precision-recall",
                          "guard-confusion", "guard-confusion-2"));
}

}  // namespace
}  // namespace holisafe::exports
