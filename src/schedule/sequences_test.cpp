#include "schedule/sequences.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/stub_executor.h"

namespace holisafe::schedule {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Sequences over a stub, driven by hand: a ticket's number is the question's id.
class Driven {
 public:
  explicit Driven(std::size_t most = 8, std::uint64_t blocks = 1000)
      : blocks_(blocks),
        stub(blocks),
        sequences_(stub, most, blocks * 32, [this](Ticket ticket, Outcome outcome) {
          Heard& one = heard[static_cast<int>(ticket.number)];
          if (outcome.verdict) one.labels.push_back(outcome.verdict->label);
          one.text += outcome.text;
          if (outcome.end) one.end = std::move(outcome.end);
        }) {}
  ~Driven() { EXPECT_THAT(stub.broken(), IsEmpty()); }

  /// False: it would wait.
  bool admit(const StubQuestion& asked) {
    auto prepared = stub.prepare(asked.question());
    const auto need = need_of(**prepared, blocks_ * 32, 1);
    Ready ready{*std::move(prepared), *need};
    if (!sequences_.has_room_for(ready)) return false;
    sequences_.admit({static_cast<std::uint64_t>(asked.id)}, std::move(ready));
    return true;
  }
  void drop(int id) { sequences_.drop({static_cast<std::uint64_t>(id)}); }
  void step(int times = 1) {
    for (int i = 0; i < times; ++i) sequences_.step();
  }
  void finish() {
    for (int i = 0; i < 1000 && !sequences_.empty(); ++i) sequences_.step();
    EXPECT_TRUE(sequences_.empty());
  }
  [[nodiscard]] Counts counts() const {
    Counts out;
    sequences_.count(out);
    return out;
  }

  struct Heard {
    std::vector<std::size_t> labels;
    std::string text;
    std::optional<Result<chat::Reply>> end;
    [[nodiscard]] bool answered() const { return end && *end; }
    [[nodiscard]] ErrorKind error() const { return end->error().kind; }
  };

 private:
  std::uint64_t blocks_;

 public:
  StubExecutor stub;
  std::map<int, Heard> heard;

 private:
  Sequences sequences_;
};

TEST(Sequences, JoinAndLeaveBetweenTokens) {
  Driven driven;
  ASSERT_TRUE(driven.admit({.id = 1, .tokens = 5, .most_new_tokens = 9}));
  driven.step(2);
  EXPECT_EQ(driven.heard[1].text, StubQuestion{.id = 1}.token(0));
  ASSERT_TRUE(driven.admit({.id = 2, .tokens = 1, .most_new_tokens = 9}));
  driven.step(2);  // a stage beside a token, then two tokens
  EXPECT_TRUE(driven.heard[2].answered());
  EXPECT_EQ(driven.counts().running, 1U);
  driven.step(2);
  EXPECT_TRUE(driven.heard[1].answered());
  EXPECT_EQ(driven.heard[1].text, (StubQuestion{.id = 1, .tokens = 5}.answer()));
  EXPECT_EQ(driven.counts().running, 0U);
  EXPECT_EQ(driven.counts().blocks_used, 0U);
  EXPECT_EQ(driven.counts().steps, 6U);
  EXPECT_EQ(driven.counts().tokens, 6U);
}

TEST(Sequences, RunNoMoreThanTheyMay) {
  Driven driven(2);
  EXPECT_TRUE(driven.admit({.id = 1}));
  EXPECT_TRUE(driven.admit({.id = 2}));
  EXPECT_FALSE(driven.admit({.id = 3}));
  driven.drop(1);
  EXPECT_TRUE(driven.admit({.id = 3}));
  driven.finish();
  EXPECT_EQ(driven.counts().peak_running, 2U);
  EXPECT_FALSE(driven.heard.contains(1));
}

TEST(Sequences, StagesGoFirstComeFirstServedAndNobodyWaitsForAnothersImage) {
  Driven driven;
  driven.admit({.id = 1, .image = "a", .prefix_stages = 3});
  driven.admit({.id = 2, .image = "a"});
  driven.admit({.id = 3, .own_stages = 2});
  driven.step(4);  // the image's, beside which 2 waits and 3's stages wait their turn
  EXPECT_THAT(driven.stub.joined(), ElementsAre(3));
  driven.step(1);
  EXPECT_THAT(driven.stub.joined(), ElementsAre(3, 1, 2));
  EXPECT_EQ(driven.heard[2].labels, std::vector{stub_label("a")});
  driven.finish();
  EXPECT_EQ(driven.stub.prefixes_opened(), 1);
  EXPECT_EQ(driven.counts().prefixes_read, 1U);
  EXPECT_EQ(driven.counts().prefix_hits, 1U);
}

TEST(Sequences, OneImageOfEightIsReadOnce) {
  Driven driven;
  for (int id = 0; id < 8; ++id) driven.admit({.id = id, .image = "a", .own_stages = id % 3});
  driven.finish();
  for (int id = 0; id < 8; ++id) {
    EXPECT_TRUE(driven.heard[id].answered());
    EXPECT_EQ(driven.heard[id].text, (StubQuestion{.id = id}.answer()));
    EXPECT_EQ(driven.heard[id].labels, std::vector{stub_label("a")});
  }
  EXPECT_EQ(driven.counts().prefixes_read, 1U);
  EXPECT_EQ(driven.counts().prefix_hits, 7U);
  EXPECT_EQ(driven.counts().blocks_used, 2U);  // the image's, which stays
}

TEST(Sequences, EvictsInTheMiddleOfAnswersWhatWasUsedLastLongestAgo) {
  Driven driven(8, 12);  // an image 2, a question 2
  for (const int id : {1, 2, 3}) {
    ASSERT_TRUE(driven.admit({.id = id, .image = std::string(1, static_cast<char>('a' + id - 1))}));
    if (id < 3) driven.finish();
  }
  driven.step(2);                                      // 3 is under way
  ASSERT_TRUE(driven.admit({.id = 4, .image = "a"}));  // 6 for images, 4 for these two
  ASSERT_TRUE(driven.admit({.id = 5, .image = "d"}));  // b goes
  EXPECT_EQ(driven.counts().prefixes_evicted, 1U);
  EXPECT_FALSE(driven.admit({.id = 6, .image = "b"}));
  driven.finish();
  EXPECT_EQ(driven.stub.prefixes_opened(), 4);
  ASSERT_TRUE(driven.admit({.id = 6, .image = "b"}));
  driven.finish();
  EXPECT_EQ(driven.stub.prefixes_opened(), 5);
  for (const int id : {1, 2, 3, 4, 5, 6}) EXPECT_EQ(driven.heard[id].text, StubQuestion{.id = id}.answer());
}

TEST(Sequences, ThatWaitTakeAnImageUpWhoseReaderLeft) {
  Driven driven;
  for (const int id : {1, 2, 3}) driven.admit({.id = id, .image = "a"});
  driven.step(2);
  driven.drop(1);
  driven.finish();
  EXPECT_FALSE(driven.heard[1].end);
  EXPECT_TRUE(driven.heard[2].answered() && driven.heard[3].answered());
  EXPECT_EQ(driven.counts().prefixes_read, 1U);
  driven.admit({.id = 4, .image = "b"});
  driven.step();
  driven.drop(4);  // nobody else wanted it
  EXPECT_EQ(driven.counts().prefixes, 1U);
  EXPECT_EQ(driven.counts().blocks_used, 2U);
  EXPECT_EQ(driven.stub.live(), 1);
}

TEST(Sequences, AnErrorInAPrefixIsThatOfAllWhoWaitAndTheNextTriesAnew) {
  Driven driven;
  driven.admit({.id = 1, .image = "a", .fault = "prefix"});
  driven.admit({.id = 2, .image = "a"});
  driven.admit({.id = 3, .image = "b"});
  driven.step(2);
  EXPECT_EQ(driven.heard[1].error(), ErrorKind::not_finite);
  EXPECT_EQ(driven.heard[2].error(), ErrorKind::not_finite);
  EXPECT_EQ(driven.heard[2].end->error().what, "image with NaN");
  driven.admit({.id = 4, .image = "a"});
  driven.finish();
  EXPECT_TRUE(driven.heard[3].answered() && driven.heard[4].answered());
  EXPECT_EQ(driven.counts().prefixes, 2U);
  EXPECT_EQ(driven.counts().blocks_used, 4U);
}

TEST(Sequences, AnErrorOfAQuestionEndsThatOneAlone) {
  Driven driven;
  driven.admit({.id = 1, .fault = "own"});
  driven.admit({.id = 2, .fault = "decode"});
  driven.admit({.id = 3});
  driven.finish();
  EXPECT_EQ(driven.heard[1].error(), ErrorKind::not_finite);
  EXPECT_EQ(driven.heard[2].error(), ErrorKind::not_finite);
  EXPECT_TRUE(driven.heard[3].answered());
}

TEST(Sequences, WhatIsThrownEndsAllAndTheNextGoOn) {
  Driven driven;
  driven.admit({.id = 1, .image = "a"});
  driven.finish();
  driven.admit({.id = 2, .image = "a"});
  driven.admit({.id = 3, .image = "b", .fault = "throw"});
  driven.step(3);
  for (const int id : {2, 3}) {
    EXPECT_EQ(driven.heard[id].error(), ErrorKind::internal);
    EXPECT_EQ(driven.heard[id].end->error().detail, "a step threw");
  }
  EXPECT_EQ(driven.counts().blocks_used, 0U);
  EXPECT_EQ(driven.stub.live(), 0);
  driven.admit({.id = 4, .image = "a"});
  driven.finish();
  EXPECT_TRUE(driven.heard[4].answered());
}

TEST(Sequences, NoTokenIsAskedOfAVerdictAlone) {
  Driven driven;
  driven.admit({.id = 1, .image = "a", .own_stages = 2, .tokens = 0, .most_new_tokens = 0});
  driven.admit({.id = 2, .image = "a", .own_stages = 0, .tokens = 0, .most_new_tokens = 0});
  driven.finish();
  EXPECT_TRUE(driven.heard[1].answered() && driven.heard[2].answered());
  EXPECT_EQ(driven.heard[2].labels, std::vector{stub_label("a")});
  EXPECT_EQ(driven.counts().tokens, 0U);
}

TEST(Sequences, WhoNeverEndsIsEnded) {
  Driven driven;
  driven.admit({.id = 1, .tokens = 5, .most_new_tokens = 4});
  driven.admit({.id = 2, .tokens = 0, .most_new_tokens = 0, .fault = "endless"});
  driven.finish();
  EXPECT_EQ(driven.heard[1].error(), ErrorKind::internal);
  EXPECT_EQ(driven.heard[2].error(), ErrorKind::internal);
}

}  // namespace
}  // namespace holisafe::schedule
