#include "engine/executor.h"

#include <map>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/tiny_models.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;
using chat::milliseconds;

using Executors = TinyModels;

/// Everything that a reply says, so that equal means equal to the last bit.
struct Said {
  explicit Said(const chat::Reply& reply)
      : text(reply.text),
        finish_reason(reply.finish_reason),
        prompt(reply.details->prompt_token_ids),
        completion(reply.details->completion_token_ids) {
    if (reply.verdict) verdict = reply.verdict->scores;
  }
  bool operator==(const Said&) const = default;

  std::string text, finish_reason;
  std::vector<std::int64_t> prompt, completion;
  std::optional<decltype(taxonomy::Verdict::scores)> verdict;
};

/// Questions of many kinds about a few pictures.
std::vector<chat::Question> many_questions(std::size_t count, std::uint64_t seed) {
  const std::vector<chat::Image> pictures{picture_file(1), picture_file(2, 70, 30), picture_file(3, 33, 64)};
  const std::vector<std::string> texts{"What is it?", "Hi",
                                       "A much longer question about everything in it, please.", "Why?"};
  Random random(seed);
  std::vector<chat::Question> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& one = pictures[random.next() % 3];
    const auto& other = pictures[random.next() % 3];
    const auto& text = texts[random.next() % 4];
    const std::uint64_t kind = random.next() % 8;
    std::vector<chat::Part> parts{one, text};
    if (kind == 0) parts = {text};
    if (kind == 1) parts = {text, one};
    if (kind == 2) parts = {one, other, text};
    out.push_back(asked(std::move(parts), 2 + static_cast<unsigned>(random.next() % 7)));
    if (random.next() % 3 == 0) {
      out.back().how.temperature = 2;
      out.back().how.seed = i;
    }
    if (random.next() % 5 == 0) out.back().how.repetition_penalty = 1.3;
    if (random.next() % 6 == 0) out.back().conversation.system = "Be brief.";
  }
  return out;
}

/// What each gets from a scheduler that has nobody else.
std::vector<Said> alone(Engine engine, const std::vector<chat::Question>& questions) {
  schedule::Limits one;
  one.sequences = 1;
  Asking asking(std::move(engine), one);
  std::vector<Said> out;
  for (const auto& question : questions) {
    auto reply = asking.ask(question);
    EXPECT_TRUE(reply) << reply.error().message();
    out.emplace_back(*reply);
  }
  return out;
}

/// Submits in the given order as there is room, and compares what comes.
void expect_same_together(Asking& asking, const std::vector<chat::Question>& questions,
                          const std::vector<Said>& expected, const std::vector<std::size_t>& order,
                          const std::set<std::size_t>& cancelled = {}) {
  std::size_t next = 0;
  std::set<chat::Key> leaving;
  std::map<chat::Key, Said> heard;
  while (next < order.size() || asking.scheduler.pending() > 0) {
    while (next < order.size() && asking.scheduler.has_room()) {
      const auto key = static_cast<chat::Key>(order[next]);
      asking.scheduler.submit(key, questions[order[next++]]);
      if (cancelled.contains(static_cast<std::size_t>(key))) leaving.insert(key);
    }
    for (auto& [key, reply] : asking.scheduler.poll(milliseconds(1))) {
      ASSERT_TRUE(reply) << reply.error().message();
      heard.emplace(key, Said(*reply));
    }
    if (!leaving.empty()) {
      asking.scheduler.cancel(*leaving.begin());
      leaving.erase(leaving.begin());
    }
  }
  for (const std::size_t index : order) {
    const auto found = heard.find(static_cast<chat::Key>(index));
    if (found == heard.end()) {
      EXPECT_TRUE(cancelled.contains(index)) << index;
      continue;
    }
    EXPECT_EQ(found->second.completion, expected[index].completion) << index;
    EXPECT_TRUE(found->second == expected[index])
        << index << ": " << found->second.text << " instead of " << expected[index].text;
  }
}

std::vector<std::size_t> shuffled(std::size_t count, Random& random) {
  std::vector<std::size_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = i;
  for (std::size_t i = count; i > 1; --i) std::swap(out[i - 1], out[random.next() % i]);
  return out;
}

/// Two hundred over three families: joins, leaves and cancels as chance has it.
TEST_P(Executors, NoAnswerDependsOnItsCompany) {
  const auto questions = many_questions(24, 7);
  const auto expected = alone(open(), questions);
  Random random(5);
  for (const std::size_t sequences : {2U, 3U, 8U, 32U}) {
    schedule::Limits limits;
    limits.sequences = sequences;
    Asking asking(open(), limits);
    for (int schedule = 0; schedule < 17; ++schedule) {
      auto order = shuffled(questions.size(), random);
      order.resize(3 + random.next() % 8);
      std::set<std::size_t> cancelled;
      for (const std::size_t index : order) {
        if (random.next() % 4 == 0) cancelled.insert(index);
      }
      expect_same_together(asking, questions, expected, order, cancelled);
    }
  }
}

/// The same in each type that weights are stored and computed in.
TEST_P(Executors, InEveryTypeRowsAreTheirOwn) {
  const auto questions = many_questions(12, 3);
  Random random(2);
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    OpenOptions options;
    options.load.dtype = type;
    const auto expected = alone(open(options), questions);
    Asking asking(open(options));
    expect_same_together(asking, questions, expected, shuffled(questions.size(), random));
  }
}

TEST_P(Executors, OnePictureFromEightAtOnceIsReadOnce) {
  Asking asking(open());
  const chat::Image file = picture_file(4);
  for (chat::Key key = 0; key < 8; ++key)
    asking.scheduler.submit(key, asked({file, "Question " + std::to_string(key)}));
  std::size_t answered = 0;
  while (answered < 8) {
    for (const auto& [key, reply] : asking.scheduler.poll(milliseconds(1000))) {
      EXPECT_TRUE(reply) << reply.error().message();
      ++answered;
    }
  }
  const auto counts = asking.scheduler.counts();
  EXPECT_EQ(counts.prefixes_read, 1U);
  EXPECT_EQ(counts.prefix_hits, 7U);
}

/// A budget for about two pictures' prefixes and one answer: prefixes come and go while answers are under
/// way.
TEST_P(Executors, EvictionChangesNoAnswer) {
  const auto questions = many_questions(20, 11);
  const auto expected = alone(open(), questions);
  std::size_t longest = 0;
  for (const auto& said : expected) longest = std::max(longest, said.prompt.size() + 40);
  const std::uint64_t bytes_per_position = ModelExecutor(open(), {}).bytes_per_position();
  schedule::Limits limits;
  limits.cache_bytes = bytes_per_position * (2 * longest + 64);
  Asking asking(open(), limits);
  Random random(1);
  expect_same_together(asking, questions, expected, shuffled(questions.size(), random));
  EXPECT_GT(asking.scheduler.counts().prefixes_evicted, 0U);
  limits.cache_bytes = bytes_per_position * 16;
  Asking small(open(), limits);
  const auto refused = small.ask(questions.front());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
}

TEST_P(Executors, EventsHearTheVerdictThenTheText) {
  struct Ear final : chat::Events {
    void verdict(const taxonomy::Verdict& found) override {
      EXPECT_TRUE(heard.empty());
      seen = found;
    }
    void text(std::string_view text) override { heard += text; }
    std::optional<taxonomy::Verdict> seen;
    std::string heard;
  } ear;
  Asking asking(open());
  const auto reply = asking.ask(asked({picture_file(1), "What is it?"}), &ear).value();
  EXPECT_EQ(ear.heard, reply.text);
  ASSERT_TRUE(ear.seen);
  EXPECT_EQ(ear.seen->scores, reply.verdict->scores);
  const chat::Timings& timings = reply.details->timings;
  EXPECT_LE(timings.image_seconds, timings.verdict_seconds.value());
  EXPECT_LE(timings.verdict_seconds.value(), timings.prefill_seconds);
  EXPECT_LE(timings.prefill_seconds, timings.end_seconds);
}

TEST_P(Executors, AnImageThatCannotBeReadFailsItsQuestionsAlone) {
  Asking asking(open());
  const auto failed = asking.ask(asked({chat::Image{root() / "none.png", nullptr}, "What is it?"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::not_found);
  EXPECT_THAT(failed.error().message(), testing::HasSubstr("none.png"));
  EXPECT_TRUE(asking.ask(asked({picture_file(1), "What is it?"})));
}

TEST_P(Executors, AStopTextEndsAnAnswer) {
  Asking asking(open());
  auto question = asked({picture_file(1), "What is it?"}, 12);
  const std::string whole = asking.ask(question)->text;
  ASSERT_GT(whole.size(), 4U);
  const std::string stop = whole.substr(2, 2);
  question.how.stops = {stop};
  const auto reply = asking.ask(question).value();
  EXPECT_EQ(reply.text, whole.substr(0, whole.find(stop)));
  EXPECT_EQ(reply.finish_reason, "stop");
}

INSTANTIATE_TEST_SUITE_P(All, Executors, testing::ValuesIn(family_names()), test_name);

}  // namespace
}  // namespace holisafe::engine
