#include "report/guard_run_sections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/calibration_sections.h"
#include "report/page.h"

namespace holisafe::report {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string sections_html(std::vector<Section> sections) {
  Report report;
  report.title = "T";
  report.sections = std::move(sections);
  const std::string html = page(report);
  const std::size_t begin = html.find("<main>");
  return html.substr(begin, html.find("</main>") - begin);
}

std::size_t times(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST(Pictures, AreBlurredButtonsAndTheirWordsInert) {
  const std::string html =
      sections_html({{"s",
                      "S",
                      {{Pictures{{{"data:image/jpeg;base64,AAAA", "", "a<b>\".png", "weapon \x1b[2J"},
                                  {"", "not there", "c.png", ""}}}}}}});
  EXPECT_THAT(
      html,
      HasSubstr("<button type=\"button\" title=\"Hold to see\"><img src=\"data:image/jpeg;base64,AAAA\""));
  EXPECT_THAT(html, HasSubstr("<div class=\"path\">a&lt;b&gt;&quot;.png</div>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"missing\">not there</div>"));
  EXPECT_THAT(html, Not(HasSubstr("\x1b")));
  EXPECT_EQ(times(html, "<img"), 1U);
}

TEST(GuardRunSections, SayWhatThereIsAndNoMore) {
  GuardRunPage run;
  run.flagged = "from 0.5 on";
  EXPECT_THAT(sections_html(guard_run_sections(run)), Not(HasSubstr("id=\"classes\"")));
  run.counts.judged = 8;
  run.counts.flagged = 2;
  run.counts.classes[0] = 6;
  run.counts.classes[16] = 2;
  run.counts.unsafe[0] = 6;
  run.counts.unsafe[19] = 2;
  run.counts.faults = {{"truncated", 3, "cannot read image: <x>.png"}};
  const std::string html = sections_html(guard_run_sections(run));
  EXPECT_THAT(html, HasSubstr("<div class=\"figure\">8</div>"));
  EXPECT_THAT(html, HasSubstr("<div class=\"figure\">3</div>"));
  EXPECT_THAT(html, HasSubstr(">weapon_<wbr>related_<wbr>violence</th><td>violence</td>"));
  EXPECT_THAT(html, HasSubstr("--strength:1.000\">2"));
  EXPECT_THAT(html, HasSubstr("cannot read image: &lt;x&gt;.png"));
  EXPECT_THAT(html, Not(HasSubstr("gender")));
  for (const char* absent : {"id=\"most-unsafe\"", "id=\"nearest\"", "id=\"guard\"", "Gone"})
    EXPECT_THAT(html, Not(HasSubstr(absent))) << absent;
  run.most_unsafe = {{"", "gone", "a.png", ""}};
  run.counts.gone = 1;
  EXPECT_THAT(sections_html(guard_run_sections(run)),
              testing::AllOf(HasSubstr("id=\"most-unsafe\""), HasSubstr("Gone")));
}

TEST(CalibrationSections, ShowBothReliabilitiesAndCurvesOfWhatHasPictures) {
  std::vector<metrics::GuardRow> before;
  for (std::size_t i = 0; i < 300; ++i) {
    metrics::GuardRow row;
    row.label = static_cast<std::uint8_t>(i % 3 == 0 ? 16 : i % 3 == 1 ? 1 : 0);
    const double sure = 0.6 + static_cast<double>(i % 40) / 100;
    row.probabilities[i % 7 == 0 ? 3 : row.label] = sure;
    row.probabilities[19] = 1 - sure;
    before.push_back(row);
  }
  std::vector<metrics::GuardRow> after = before;
  const std::vector<double> thresholds(20, 0.25);
  std::vector<metrics::ClassAtThreshold> classes(20);
  classes[16] = {100, 0.75, std::nullopt, 0.5, metrics::Interval{0.5, 0.9}, std::nullopt};
  CalibrationPage shown{"recall=0.9", 1.5, 0.8, 0.6, before, after, thresholds, classes};
  const std::string html = sections_html(calibration_sections(shown));
  EXPECT_THAT(html, HasSubstr("0.8000 \xe2\x86\x92 0.6000"));
  EXPECT_THAT(html, HasSubstr("at its threshold for recall=0.9"));
  EXPECT_THAT(html, HasSubstr("75.0%"));
  EXPECT_THAT(html, HasSubstr("<summary>violence</summary>"));
  EXPECT_THAT(html, HasSubstr("<summary>hate</summary>"));
  EXPECT_THAT(html, Not(HasSubstr("<summary>privacy</summary>")));
  EXPECT_THAT(html, Not(HasSubstr("No curves")));
  // Reliability, two of safe against unsafe, two of each category with pictures.
  EXPECT_EQ(times(html, "<canvas"), 7U);
  for (metrics::GuardRow& row : after) row.label = 0;
  shown.before = shown.after = after;
  EXPECT_THAT(sections_html(calibration_sections(shown)), HasSubstr("No curves"));
}

}  // namespace
}  // namespace holisafe::report
