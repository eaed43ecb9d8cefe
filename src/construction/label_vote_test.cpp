#include "construction/label_vote.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

/// What each labeller said; "-" for one that declined, nothing for one that was not asked yet or broke.
std::string vote(const std::vector<std::string>& words, ImageRow& image) {
  std::vector<KeptReply> replies;
  std::vector<std::string> labellers;
  for (std::size_t i = words.size(); i > 0; --i) {  // in another order than that of labellers
    KeptReply reply;
    reply.step = Step::label;
    reply.by = fmt::format("openai:{}", i - 1);
    reply.kind = words[i - 1].empty()  ? KeptReply::Kind::broken
                 : words[i - 1] == "-" ? KeptReply::Kind::declined
                                       : KeptReply::Kind::sound;
    reply.object = fmt::format(R"({{"label":"{}","reason":"x"}})", words[i - 1]);
    replies.push_back(reply);
  }
  for (std::size_t i = 0; i < words.size(); ++i) labellers.push_back(fmt::format("openai:{}", i));
  if (!take_votes(image, replies, labellers)) return "open";
  const std::string label = image.label ? std::string(taxonomy::classes()[*image.label].name) : "none";
  return fmt::format("{} {}", name(image.state), label);
}

std::string vote(const std::vector<std::string>& words) {
  ImageRow image;
  image.state = ImageState::unlabelled;
  return vote(words, image);
}

TEST(LabelVote, Majority) {
  EXPECT_EQ(vote({"race"}), "kept race");
  EXPECT_EQ(vote({"safe", "race", "race"}), "kept race");
  EXPECT_EQ(vote({"race_discrimination", "race", "safe"}), "kept race");
  EXPECT_EQ(vote({"safe", "safe", "race", "weapon_related_violence"}), "kept safe");
  EXPECT_EQ(vote({"-", "safe"}), "kept safe");
}

TEST(LabelVote, TieNoWordAndQuarantine) {
  EXPECT_EQ(vote({"safe", "race"}), "disputed none");
  EXPECT_EQ(vote({"-", "-"}), "unlabelled none");
  EXPECT_EQ(vote({"safe", "safe", "quarantine"}), "quarantined none");
  EXPECT_EQ(vote({"safe", ""}), "open");
  EXPECT_EQ(vote({"", "quarantine"}), "open");
}

TEST(LabelVote, VotesStandInTheOrderOfLabellers) {
  ImageRow image;
  EXPECT_EQ(vote({"safe", "-", "race_discrimination"}, image), "disputed none");
  ASSERT_EQ(image.votes.size(), 2U);
  EXPECT_EQ(image.votes[0].by, "openai:0");
  EXPECT_EQ(image.votes[1].by, "openai:2");
  EXPECT_EQ(image.votes[1].label, "race");
  EXPECT_EQ(image.reason, "labellers disagree: safe 1 race 1");
  EXPECT_EQ(vote({"safe"}, image), "kept safe");
  EXPECT_EQ(image.reason, "");
}

}  // namespace
}  // namespace holisafe::construction
