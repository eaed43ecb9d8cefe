#include "construction/build_ledger.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"

namespace holisafe::construction {
namespace {

constexpr const char* gif_bytes = "GIF89a bytes";
constexpr const char* instruction_text = R"({"instruction":"What is the thing for?"})";

chat::Reply answer_of(std::string text) {
  chat::Reply out;
  out.text = std::move(text);
  out.usage = {7, 3};
  return out;
}

class BuildLedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto file = std::filesystem::path(testing::TempDir()) / "build_ledger.gif";
    ASSERT_TRUE(write_file_atomic(file, gif_bytes));
    ImageRow image;
    image.id = 0;
    image.source = "source";
    image.path = "a.gif";
    image.file = file.string();
    image.sha256 = hex(sha256(gif_bytes));
    image.state = ImageState::kept;
    image.label = 0;
    ASSERT_TRUE(work.write(std::span(&image, 1)));
    image.id = 1;
    image.path = "b.gif";
    image.state = ImageState::unlabelled;
    image.reason = "no label";
    image.label.reset();
    ASSERT_TRUE(work.write(std::span(&image, 1)));
    PairRow pair;
    pair.id = 0;
    pair.image_id = 0;
    pair.type = taxonomy::Combination::SSU;
    pair.subcategory = 4;
    ASSERT_TRUE(work.write(std::span(&pair, 1)));
    rules.pairs.writers = {"openai:w"};
    rules.pairs.checker = "openai:c";
    rules.labellers = {"openai:l", "guard:g"};
    rules.max_retries = 1;
  }

  static std::vector<chat::Key> keys(BuildLedger& ledger) {
    std::vector<chat::Key> out;
    const auto page = ledger.pending_after(-1, 64);
    EXPECT_TRUE(page);
    for (const auto& [key, question] : *page) {
      EXPECT_TRUE(question);
      out.push_back(key);
    }
    return out;
  }
  static std::size_t record(BuildLedger& ledger, chat::Key key, Result<chat::Reply> reply) {
    const ask::Ended ended{key, std::move(reply)};
    const auto settled = ledger.record(std::span(&ended, 1));
    EXPECT_TRUE(settled);
    return settled.value_or(99);
  }
  PairState state() { return (*work.pair(0))->state; }

  Work work = std::move(*Work::in_memory());
  AskingRules rules;
};

TEST(QuestionKey, ThereAndBack) {
  for (const std::int64_t subject : {std::int64_t{0}, std::int64_t{299'999}, std::int64_t{1} << 40}) {
    for (const Step step : {Step::label, Step::write, Step::check, Step::text_check, Step::answer}) {
      const QuestionKey found = QuestionKey::of(QuestionKey{subject, 4095, step}.key());
      EXPECT_EQ(found.subject, subject);
      EXPECT_EQ(found.number, 4095U);
      EXPECT_EQ(found.step, step);
    }
  }
}

TEST_F(BuildLedgerTest, EachAskerHasItsOwnQuestions) {
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  BuildLedger checker(work, rules, "openai:c", false, Phase::pairs);
  EXPECT_TRUE(keys(checker).empty());
  const chat::Key write = QuestionKey{0, 0, Step::write}.key();
  ASSERT_EQ(keys(writer), std::vector{write});
  EXPECT_TRUE(writer.pending_after(write, 64)->empty());
  EXPECT_EQ(record(writer, write, answer_of(instruction_text)), 1U);
  EXPECT_TRUE(keys(writer).empty());
  EXPECT_EQ(keys(checker),
            (std::vector{QuestionKey{0, 0, Step::check}.key(), QuestionKey{0, 0, Step::text_check}.key()}));
  EXPECT_EQ((*work.pair(0))->instruction, "What is the thing for?");
  const auto totals = work.totals();
  EXPECT_EQ(totals->input_tokens, 7U);
  EXPECT_EQ(totals->output_tokens, 3U);
  std::size_t prompts = 0;
  EXPECT_TRUE(work.for_each_prompt([&](auto hash, auto) -> Result<void> {
    EXPECT_EQ(hash, (*work.pair(0))->prompt_sha256);
    ++prompts;
    return {};
  }));
  EXPECT_EQ(prompts, 1U);
}

TEST_F(BuildLedgerTest, LateReplyToAnEarlierQuestionAnswersNoLaterOne) {
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  const chat::Key write = QuestionKey{0, 0, Step::write}.key();
  record(writer, write, answer_of(instruction_text));
  EXPECT_EQ(record(writer, write, answer_of(R"({"instruction":"Another one?"})")), 1U);
  EXPECT_EQ(record(writer, QuestionKey{77, 0, Step::write}.key(), answer_of(instruction_text)), 1U);
  EXPECT_EQ((*work.pair(0))->instruction, "What is the thing for?");
  EXPECT_EQ(work.replies_of_pair(0)->size(), 1U);
}

TEST_F(BuildLedgerTest, BrokenRepliesAreGivenUpAfterSoManyTries) {
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  const chat::Key write = QuestionKey{0, 0, Step::write}.key();
  EXPECT_EQ(record(writer, write, answer_of("no object")), 0U);
  EXPECT_EQ(keys(writer), std::vector{write});
  EXPECT_EQ(state(), PairState::planned);
  EXPECT_EQ(record(writer, write, answer_of("no object")), 0U);
  EXPECT_EQ(state(), PairState::failed);
  EXPECT_EQ((*work.pair(0))->reason, "write: no JSON object");
  EXPECT_EQ(writer.take_malformed(), 2U);
  EXPECT_EQ(writer.given_up(), 1U);
  EXPECT_EQ(writer.first_failure(), "pair 0, write: no JSON object");
}

TEST_F(BuildLedgerTest, WhatNobodyAnsweredFailsAtThePassesEnd) {
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  const chat::Key write = QuestionKey{0, 0, Step::write}.key();
  EXPECT_EQ(record(writer, write, fail(ErrorKind::timeout, "no answer in time", "http://host", "5 s")), 0U);
  EXPECT_EQ(state(), PairState::planned);
  EXPECT_TRUE(writer.end_pass());
  EXPECT_EQ(state(), PairState::failed);
  EXPECT_EQ((*work.pair(0))->reason, "write: no answer in time");
  EXPECT_EQ(writer.first_failure(), "pair 0, write: no answer in time: http://host: 5 s");
}

TEST_F(BuildLedgerTest, DeclinedCheckFailsThePairWhateverTheOtherSays) {
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  BuildLedger checker(work, rules, "openai:c", false, Phase::pairs);
  record(writer, QuestionKey{0, 0, Step::write}.key(), answer_of(instruction_text));
  EXPECT_EQ(record(checker, QuestionKey{0, 0, Step::check}.key(), answer_of("I cannot assist.")), 1U);
  EXPECT_EQ(state(), PairState::failed);
  EXPECT_EQ(record(checker, QuestionKey{0, 0, Step::text_check}.key(),
                   answer_of(R"({"harmful":false,"reveals_image":false,"reason":"r"})")),
            1U);
  EXPECT_EQ(state(), PairState::failed);
  EXPECT_EQ((*work.pair(0))->reason, "check: openai:c declined: I cannot assist.");
}

TEST_F(BuildLedgerTest, LabelsOfAllLabellersSettleAnImage) {
  BuildLedger model(work, rules, "openai:l", false, Phase::label);
  BuildLedger guard(work, rules, "guard:g", true, Phase::label);
  const chat::Key label = QuestionKey{1, 0, Step::label}.key();
  ASSERT_EQ(keys(model), std::vector{label});
  ASSERT_EQ(keys(guard), std::vector{label});
  const auto shown = guard.pending_after(-1, 64);
  EXPECT_EQ((*shown)[0].second->how.max_new_tokens, 0U);
  EXPECT_EQ((*shown)[0].second->conversation.turns[0].parts.size(), 1U);
  EXPECT_EQ(record(model, label, answer_of(R"({"label":"race","reason":"r"})")), 1U);
  EXPECT_EQ((*work.image(1))->state, ImageState::unlabelled);
  EXPECT_TRUE(keys(model).empty());
  chat::Reply verdict;
  verdict.verdict.emplace();
  verdict.verdict->label = 2;
  EXPECT_EQ(record(guard, label, verdict), 1U);
  const auto image = *work.image(1);
  EXPECT_EQ(image->state, ImageState::kept);
  EXPECT_EQ(image->label, 2U);
  EXPECT_EQ(image->votes.size(), 2U);
}

TEST_F(BuildLedgerTest, AnotherPictureIsNotAskedAbout) {
  ImageRow image = **work.image(0);
  image.sha256 = hex(sha256("other bytes"));
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  BuildLedger writer(work, rules, "openai:w", false, Phase::pairs);
  const auto page = writer.pending_after(-1, 64);
  ASSERT_EQ(page->size(), 1U);
  ASSERT_FALSE((*page)[0].second);
  EXPECT_EQ((*page)[0].second.error().kind, ErrorKind::mismatch);
}

}  // namespace
}  // namespace holisafe::construction
