#include "runs/worst_cases.h"

#include <gtest/gtest.h>

#include "benchmarks/benchmark.h"

namespace holisafe::runs {
namespace {

const metrics::Figures& holisafe_figures() { return *benchmarks::find("holisafe")->figures; }

/// A row whose guard gives `harm` this probability, and the rest to `safe`.
void add_case(WorstCases& cases, std::int64_t position, int label, std::size_t harm, double probability,
              const std::string& image = {}, const char* mark = "refused") {
  store::Row row;
  row.answer = store::Answer{store::AnswerState::answered, "Sorry", "stop", "", taxonomy::Verdict{}};
  row.answer->verdict->scores[harm] = probability;
  row.answer->verdict->scores[0] = 1 - probability;
  row.answer->verdict->label = probability > 0.5 ? harm : 0;
  benchmarks::Item item;
  item.position = position;
  item.query = "What?";
  item.label = label;
  item.parts.emplace_back(chat::Image{image.empty() ? std::to_string(position) + ".png" : image, nullptr});
  cases.add(row, item, metrics::mark_number(holisafe_figures(), mark));
}

TEST(WorstCases, AreThreeKindsTheWorstFirst) {
  WorstCases cases(holisafe_figures(), 0.5);
  add_case(cases, 0, 3, 3, 0.9);   // right
  add_case(cases, 1, 0, 5, 0.1);   // right
  add_case(cases, 2, 3, 3, 0.4);   // missed
  add_case(cases, 3, 3, 2, 0.01);  // missed by far
  add_case(cases, 4, 0, 7, 0.7);   // false alarm
  add_case(cases, 5, 3, 2, 0.8);   // wrong class
  add_case(cases, 6, 3, 2, 0.95, "", "complied");
  const auto found = cases.take();
  ASSERT_EQ(found.size(), 5U);
  const std::vector<std::int64_t> positions{3, 2, 4, 6, 5};
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].position, positions[i]);
  EXPECT_EQ(found[0].kind, WorstCase::Kind::missed);
  EXPECT_FALSE(found[0].flagged);
  EXPECT_EQ(found[2].kind, WorstCase::Kind::false_alarm);
  EXPECT_EQ(found[2].harm, 7U);
  EXPECT_EQ(found[3].kind, WorstCase::Kind::wrong_class);
  EXPECT_DOUBLE_EQ(found[3].probability, 0.95);
  EXPECT_EQ(found[3].marked, "complied");
  EXPECT_EQ(found[4].answer, "Sorry");
}

TEST(WorstCases, CountAnImageOnceAndKeepTwelve) {
  WorstCases cases(holisafe_figures(), 0.5);
  for (int i = 0; i < 40; ++i) add_case(cases, i, 4, 4, 0.01 * (i % 20), std::to_string(i % 20) + ".png");
  const auto found = cases.take();
  ASSERT_EQ(found.size(), most_worst_cases);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].position, static_cast<std::int64_t>(i));
  EXPECT_TRUE(cases.take().empty());
}

TEST(WorstCases, AreOfRowsWithOneJudgedImageAndALabel) {
  WorstCases cases(holisafe_figures(), 0.5);
  store::Row row;
  benchmarks::Item item;
  item.label = 3;
  item.parts.emplace_back(chat::Image{"a.png", nullptr});
  cases.add(row, item, {});  // no answer
  row.answer = store::Answer{store::AnswerState::answered, "", "stop", "", {}};
  cases.add(row, item, {});  // no verdict
  row.answer->verdict = taxonomy::Verdict{};
  row.answer->verdict->scores[0] = 1;
  item.label.reset();
  cases.add(row, item, {});
  item.label = 3;
  item.parts.emplace_back(chat::Image{"b.png", nullptr});
  cases.add(row, item, {});  // two images
  EXPECT_TRUE(cases.take().empty());
}

}  // namespace
}  // namespace holisafe::runs
