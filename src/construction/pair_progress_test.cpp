#include "construction/pair_progress.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

using taxonomy::Combination;
using Kind = KeptReply::Kind;

constexpr const char* question_text = "What is the thing in the picture for?";
constexpr const char* refusal_text = "I'm sorry, but I can't help with that.";
constexpr const char* help_text = "It is a kettle, and it boils water.";

BuildRules rules() { return {{"openai:a", "openai:b"}, "openai:c", true, 2, ""}; }

PairRow planned(Combination type) {
  PairRow out;
  out.id = 5;
  out.image_id = 2;
  out.type = type;
  out.subcategory = 3;
  return out;
}

/// The replies of a pair, in order.
class Replies {
 public:
  Replies& add(Step step, const std::string& by, Kind kind, const std::string& object,
               const std::string& reason = "") {
    KeptReply reply;
    reply.subject = 5;
    reply.step = step;
    reply.number = static_cast<std::int64_t>(all.size());
    reply.by = by;
    reply.kind = kind;
    reply.object = object;
    reply.reason = reason;
    reply.prompt_sha256 = "hash";
    all.push_back(reply);
    return *this;
  }
  Replies& write(const std::string& text = question_text, const std::string& by = "openai:a") {
    return add(Step::write, by, Kind::sound, fmt::format(R"({{"instruction":"{}"}})", text));
  }
  Replies& decline(const std::string& by, Step step = Step::write) {
    return add(step, by, Kind::declined, "", "no");
  }
  /// Letters as in a combination.
  Replies& check(std::string_view letters) {
    return add(Step::check, "openai:c", Kind::sound,
               fmt::format(R"({{"image_safe":{},"text_safe":{},"together_safe":{},"reason":"seen"}})",
                           letters[0] == 'S', letters[1] == 'S', letters[2] == 'S'));
  }
  Replies& text_check(bool harmful, bool reveals = false) {
    return add(Step::text_check, "openai:c", Kind::sound,
               fmt::format(R"({{"harmful":{},"reveals_image":{},"reason":"read"}})", harmful, reveals));
  }
  Replies& answer(const std::string& text, const std::string& by = "openai:a") {
    return add(Step::answer, by, Kind::sound, fmt::format(R"({{"response":"{}"}})", text));
  }

  std::vector<KeptReply> all;
};

std::string asked(const PairProgress& progress) {
  std::string out;
  for (const NextQuestion& next : progress.next) {
    out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ", name(next.step), next.asker, next.number);
  }
  return out.empty() ? std::string(name(progress.row.state)) : out;
}

std::string after(Combination type, const Replies& replies, const BuildRules& how = rules()) {
  return asked(progress_of(planned(type), replies.all, how));
}

TEST(PairProgress, StraightToReady) {
  Replies so_far;
  EXPECT_EQ(after(Combination::SSU, so_far), "write openai:a 0");
  so_far.write();
  EXPECT_EQ(after(Combination::SSU, so_far), "check openai:c 0, text_check openai:c 0");
  so_far.text_check(false);
  EXPECT_EQ(after(Combination::SSU, so_far), "check openai:c 0");
  so_far.check("SSU");
  EXPECT_EQ(after(Combination::SSU, so_far), "answer openai:a 0");
  so_far.answer(refusal_text);
  const auto end = progress_of(planned(Combination::SSU), so_far.all, rules());
  EXPECT_EQ(asked(end), "ready");
  EXPECT_EQ(end.row.instruction, question_text);
  EXPECT_EQ(end.row.response, refusal_text);
  EXPECT_EQ(end.row.writer, "openai:a");
  EXPECT_EQ(end.row.checker, "openai:c");
  EXPECT_EQ(end.row.rewrites, 0U);
  EXPECT_EQ(end.row.prompt_sha256, "hash");
  EXPECT_EQ(end.row.reason, "");
}

TEST(PairProgress, OrderOfArrivalMakesNoDifference) {
  Replies one;
  one.write()
      .check("SSS")
      .text_check(false)
      .write("Another, please?")
      .text_check(false)
      .check("SSU")
      .answer(refusal_text);
  auto other = one.all;
  std::swap(other[1], other[2]);
  std::swap(other[4], other[5]);
  std::reverse(other.begin(), other.end());
  const auto first = progress_of(planned(Combination::SSU), one.all, rules());
  const auto second = progress_of(planned(Combination::SSU), other, rules());
  EXPECT_EQ(asked(first), "ready");
  EXPECT_EQ(asked(second), "ready");
  EXPECT_EQ(first.row.instruction, "Another, please?");
  EXPECT_EQ(second.row.instruction, "Another, please?");
}

TEST(PairProgress, WrittenAnewUntilItPasses) {
  Replies so_far;
  so_far.write().check("SSS").text_check(true, true);
  const auto once = progress_of(planned(Combination::SSU), so_far.all, rules());
  EXPECT_EQ(asked(once), "write openai:a 1");
  EXPECT_EQ(once.next[0].before, (Faulty{false, false, true, true, true}));
  so_far.write("Second try here?").check("SSU").text_check(false, true);
  EXPECT_EQ(after(Combination::SSU, so_far), "write openai:a 2");
  Replies good = so_far;
  good.write("Third try here?").check("SSU").text_check(false).answer(refusal_text);
  const auto ready = progress_of(planned(Combination::SSU), good.all, rules());
  EXPECT_EQ(asked(ready), "ready");
  EXPECT_EQ(ready.row.rewrites, 2U);
  EXPECT_EQ(ready.row.instruction, "Third try here?");
  so_far.write().check("SSU").text_check(false, true);
  const auto leaks = progress_of(planned(Combination::SSU), so_far.all, rules());
  EXPECT_EQ(asked(leaks), "leaks");
  EXPECT_EQ(leaks.row.reason, "the text says what the picture shows: read");
  BuildRules none = rules();
  none.rewrites = 0;
  Replies once_only;
  once_only.write().check("USU").text_check(false);
  const auto mismatch = progress_of(planned(Combination::SSU), once_only.all, none);
  EXPECT_EQ(asked(mismatch), "mismatch");
  EXPECT_EQ(mismatch.row.reason, "found USU, planned SSU: seen");
}

TEST(PairProgress, WhatEachCombinationMustComeOutAs) {
  BuildRules how = rules();
  how.rewrites = 0;
  how.answers = false;
  for (const auto type :
       {Combination::SSS, Combination::SSU, Combination::USU, Combination::SUU, Combination::UUU}) {
    for (const std::string_view letters : {"SSS", "SSU", "USU", "SUU", "UUU", "USS", "SUS", "UUS"}) {
      for (const bool harmful : {false, true}) {
        for (const bool reveals : {false, true}) {
          Replies so_far;
          so_far.write().check(letters).text_check(harmful, reveals);
          const bool hidden = type == Combination::SSU || type == Combination::USU;
          const bool leaks = harmful == taxonomy::text_safe(type) || (hidden && reveals);
          const std::string expected = letters != taxonomy::name(type) ? "mismatch"
                                       : leaks                         ? "leaks"
                                                                       : "ready";
          EXPECT_EQ(after(type, so_far, how), expected)
              << taxonomy::name(type) << letters << harmful << reveals;
        }
      }
    }
  }
}

TEST(PairProgress, DeclineFallsToTheNextWriter) {
  Replies so_far;
  so_far.decline("openai:a");
  EXPECT_EQ(after(Combination::UUU, so_far), "write openai:b 1");
  Replies both = so_far;
  both.decline("openai:b");
  const auto end = progress_of(planned(Combination::UUU), both.all, rules());
  EXPECT_EQ(asked(end), "declined");
  EXPECT_EQ(end.row.reason, "openai:a: no; openai:b: no");
  EXPECT_EQ(end.row.writer, "");
  BuildRules more = rules();
  more.writers.emplace_back("gemini:d");
  EXPECT_EQ(after(Combination::UUU, both, more), "write gemini:d 2");
  so_far.write(question_text, "openai:b").check("UUU").text_check(true);
  EXPECT_EQ(after(Combination::UUU, so_far), "answer openai:b 0");
  so_far.decline("openai:b", Step::answer);
  EXPECT_EQ(after(Combination::UUU, so_far), "declined");
  EXPECT_EQ(after(Combination::UUU, so_far, more), "write gemini:d 2");
  so_far.write(question_text, "gemini:d").check("UUU").text_check(true);
  EXPECT_EQ(after(Combination::UUU, so_far, more), "answer gemini:d 1");
}

TEST(PairProgress, AnsweredAnewUntilItBeginsAsItMust) {
  Replies so_far;
  so_far.write().check("SSS").text_check(false).answer(refusal_text);
  EXPECT_EQ(after(Combination::SSS, so_far), "answer openai:a 1");
  Replies good = so_far;
  good.answer(help_text);
  EXPECT_EQ(after(Combination::SSS, good), "ready");
  so_far.answer(refusal_text).answer(refusal_text);
  const auto end = progress_of(planned(Combination::SSS), so_far.all, rules());
  EXPECT_EQ(asked(end), "filtered");
  EXPECT_EQ(end.row.filter, "response");
  EXPECT_EQ(end.row.reason, "the response begins as a refusal");
  Replies unsafe;
  unsafe.write().check("SUU").text_check(true).answer(help_text);
  EXPECT_EQ(after(Combination::SUU, unsafe), "answer openai:a 1");
}

TEST(PairProgress, BrokenRepliesAndDeclinedChecksDoNotCount) {
  Replies so_far;
  so_far.add(Step::write, "openai:a", Kind::broken, "", "no JSON object");
  EXPECT_EQ(after(Combination::SSS, so_far), "write openai:a 0");
  so_far.write().decline("openai:c", Step::check).text_check(false);
  EXPECT_EQ(after(Combination::SSS, so_far), "check openai:c 0");
}

TEST(PairProgress, WithoutCheckerOrAnswers) {
  BuildRules how = rules();
  how.checker.clear();
  Replies so_far;
  so_far.write();
  EXPECT_EQ(after(Combination::SSS, so_far, how), "answer openai:a 0");
  how.answers = false;
  EXPECT_EQ(after(Combination::SSS, so_far, how), "ready");
  how.writers.clear();
  EXPECT_EQ(after(Combination::SSS, Replies(), how), "failed");
  how.answers = true;
  EXPECT_EQ(after(Combination::SSS, so_far, how), "failed");
}

TEST(PairProgress, WhatWasBroughtIsCheckedAndNeverWritten) {
  PairRow row = planned(Combination::SSU);
  row.brought = true;
  row.instruction = question_text;
  Replies so_far;
  EXPECT_EQ(asked(progress_of(row, so_far.all, rules())), "check openai:c 0, text_check openai:c 0");
  so_far.check("SSU").text_check(false);
  EXPECT_EQ(asked(progress_of(row, so_far.all, rules())), "ready");
  row.response = help_text;
  EXPECT_EQ(progress_of(row, so_far.all, rules()).row.filter, "response");
  Replies bad;
  bad.check("SSU").text_check(true);
  EXPECT_EQ(asked(progress_of(row, bad.all, rules())), "leaks");
  EXPECT_EQ(progress_of(row, bad.all, rules()).row.instruction, question_text);
}

TEST(PairProgress, Filters) {
  BuildRules how = rules();
  how.checker.clear();
  how.answers = false;
  Replies longer;
  longer.write(std::string(1001, 'x'));
  EXPECT_EQ(progress_of(planned(Combination::SSS), longer.all, how).row.filter, "length");
  Replies french;
  french.write("Comment puis-je faire cela dans la cuisine de ma maison ?");
  EXPECT_EQ(after(Combination::SSS, french, how), "ready");
  how.language = "en";
  EXPECT_EQ(progress_of(planned(Combination::SSS), french.all, how).row.filter, "language");
}

}  // namespace
}  // namespace holisafe::construction
