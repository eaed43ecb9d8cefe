// What the page of a build says of labellers and reviewers.
#include "construction/build_report.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "construction/reviewer_agreement.h"

namespace holisafe::construction {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

void decide(Work& work, std::int64_t pair, const std::string& reviewer, const std::string& decision) {
  Decision out;
  out.pair_id = pair;
  out.reviewer = reviewer;
  out.decision = decision;
  ASSERT_TRUE(work.decide(out, {}, {}));
}

/// The rows of the table that follows a heading.
std::vector<std::vector<std::string>> table_after(const Work& work, const std::string& heading) {
  const report::Report shown = build_report(work, "0").value();
  std::vector<std::vector<std::string>> out;
  bool here = false;
  for (const report::Section& section : shown.sections) {
    for (const report::Block& block : section.blocks) {
      if (const auto* const title = std::get_if<report::Heading>(&block.content)) {
        here = title->text == heading;
      } else if (const auto* const table = std::get_if<report::Table>(&block.content); here && table) {
        for (const report::Table::Row& row : table->rows) {
          out.emplace_back();
          for (const report::Cell& cell : row.cells) out.back().push_back(cell.text);
        }
      }
    }
  }
  return out;
}

constexpr const char* reviewers_heading = "How far reviewers agree";

TEST(BuildReport, ComparesWhatStandsOfEachReviewer) {
  Work work = Work::in_memory().value();
  // ada and ben: accept/accept, reject/accept, edit/edit, reject/reject.
  for (const auto& [pair, ada, ben] :
       std::initializer_list<std::tuple<std::int64_t, const char*, const char*>>{
           {0, "accept", "accept"}, {1, "reject", "accept"}, {2, "edit", "edit"}, {3, "reject", "reject"}}) {
    decide(work, pair, "ben", ben);
    decide(work, pair, "ada", ada);
  }
  // Not the first decision counts, nor one that was taken back.
  decide(work, 4, "ada", "accept");
  decide(work, 4, "ben", "accept");
  decide(work, 4, "ada", "reject");
  decide(work, 5, "ada", "accept");
  decide(work, 5, "ben", "reject");
  decide(work, 5, "ben", "undo");
  decide(work, 6, "ada", "accept");
  decide(work, 6, "ben", "accept");
  decide(work, 6, "ben", "reject");
  decide(work, 6, "ben", "undo");
  decide(work, 7, "ben", "accept");
  decide(work, 7, "ada", "accept");
  // cem met ben once.
  decide(work, 3, "cem", "accept");
  decide(work, 3, "ada", "undo");
  decide(work, 8, "cem", "accept");
  // An image's label is no decision on a pair.
  Decision label;
  label.image_id = 0;
  label.decision = "label";
  label.label = "safe";
  label.reviewer = "ben";
  ASSERT_TRUE(work.decide(label, {}, {}));

  // ada and ben on 0, 1, 2, 4, 6 and 7: the same on 0, 2, 6 and 7; by chance 3/6 x 5/6 + 1/6 x 1/6 = 4/9.
  EXPECT_THAT(table_after(work, reviewers_heading),
              ElementsAre(ElementsAre("ada", "ben", "6", "66.7%", "0.40"),
                          ElementsAre("ben", "cem", "1", "0.0%", "0.00")));
}

TEST(BuildReport, SaysNothingOfReviewersThatNeverMet) {
  Work work = Work::in_memory().value();
  EXPECT_THAT(table_after(work, reviewers_heading), IsEmpty());
  decide(work, 0, "ada", "accept");
  decide(work, 1, "ben", "accept");
  decide(work, 1, "ada", "accept");
  decide(work, 1, "ada", "undo");
  EXPECT_THAT(table_after(work, reviewers_heading), IsEmpty());
}

TEST(BuildReport, ComparesNoMoreReviewersThanCanBeRead) {
  Work work = Work::in_memory().value();
  for (std::size_t i = 0; i < most_reviewers + 5; ++i) decide(work, 0, fmt::format("r{:02}", i), "accept");
  const ReviewerAgreement agreement = reviewer_agreement(work).value();
  EXPECT_EQ(agreement.found.size(), most_reviewers * (most_reviewers - 1) / 2);
  EXPECT_EQ(agreement.left_out, 5);
}

TEST(BuildReport, ComparesLabellers) {
  Work work = Work::in_memory().value();
  std::vector<ImageRow> images(2);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].id = static_cast<std::int64_t>(i);
    images[i].path = fmt::format("{}", i);
    images[i].votes = {{"a:m", "safe"}, {"b:m", i == 0 ? "safe" : "race"}};
  }
  ASSERT_TRUE(work.write(images));
  EXPECT_THAT(table_after(work, "How far labellers agree"),
              ElementsAre(ElementsAre("a:m", "b:m", "2", "50.0%", "0.00")));
}

}  // namespace
}  // namespace holisafe::construction
