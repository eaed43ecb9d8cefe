#include "report/safety_utility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/page.h"
#include "report/rules_section.h"

namespace holisafe::report {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string html_of(Section section) {
  Report report;
  report.sections.push_back(std::move(section));
  return page(report);
}

SafetyUtility table() {
  SafetyUtility out;
  out.sets = {{"vlsbench", "VLSBench", true, "Safety", "openai:x"},
              {"holisafe", "HoliSafe-Bench", true, "1 - mASR macro", "string"},
              {"mmmu", "MMMU", false, "Accuracy", "lmms-eval"}};
  out.models = {{"<b>model",
                 {{0.5, metrics::Interval{0.4, 0.6}},
                  {0.7, metrics::Interval{0.6, 0.9}, {{"rr", "RR", 0.1}}},
                  {0.3, metrics::Interval{0.2, 0.4}}},
                 {},
                 {}}};
  out.notes = {"A note & more."};
  take_means(out);
  return out;
}

TEST(SafetyUtility, TableScatterAndNotesOnThePage) {
  const std::string html = html_of(safety_utility_section(table()));
  for (const char* text :
       {">VLSBench</th>", ">RR</th>", ">Mean safety</th>", "60.0%", "10.0%", "A note &amp; more.",
        "HoliSafe-Bench (safety): 1 - mASR macro, by string.", "\"kind\":\"points\"",
        "\"x\":0.3,\"y\":0.6,\"x_interval\":[0.2,0.4],\"y_interval\":[", "MMMU: Accuracy",
        "More is better, but of RR."})
    EXPECT_THAT(html, HasSubstr(text));
  EXPECT_THAT(html, Not(HasSubstr("Mean utility")));
  EXPECT_THAT(html, Not(HasSubstr("<b>model")));
  EXPECT_THAT(html, Not(HasSubstr("Published figures")));
}

TEST(SafetyUtility, NoScatterWithoutBothKindsAndPublishedOnesApart) {
  SafetyUtility some = table();
  some.published = {{"Other", {{0.9, {}}, {}, {}}, {}, {}}};
  some.models.push_back({"no utility", {{0.1, {}}, {0.2, {}}, {}}, {}, {}});
  take_means(some);
  EXPECT_FALSE(some.sets[2].in_mean);
  EXPECT_FALSE(some.models[0].utility.value);
  EXPECT_FALSE(some.models[1].safety.interval);
  EXPECT_NEAR(*some.models[1].safety.value, 0.15, 1e-12);
  const std::string html = html_of(safety_utility_section(some));
  EXPECT_THAT(html, Not(HasSubstr("\"kind\":\"points\"")));
  EXPECT_THAT(html, HasSubstr("Published figures"));
  EXPECT_THAT(html, HasSubstr(">Other</th><td class=\"number\">90.0%</td>"));
}

TEST(Rules, SideBySideWithWhatTheyReadDifferently) {
  RulesRead run;
  run.run = "m";
  run.figure = "Accuracy";
  run.rules = {{"lmms-eval", 0.5, {}, 1, 0}, {"authors", 0.25, {}, 3, 4}};
  run.answers = 12;
  run.differing = 4;
  run.examples = {{"7", "a.png", "Which <one>?", "B. or so", {"right", "wrong, unparsed"}}};
  const std::string html = html_of(rules_section(std::span(&run, 1)));
  for (const char* text :
       {"4 of 12", "m: 2 rules mark 4 of 12 answers differently.",
        "lmms-eval: right; authors: wrong, unparsed", "id 7, image a.png", "Which &lt;one&gt;?", "B. or so"})
    EXPECT_THAT(html, HasSubstr(text));
}

}  // namespace
}  // namespace holisafe::report
