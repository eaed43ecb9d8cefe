// The loop that asks, driven by an answerer that does as a script says: no network, no clock.
#include "ask/ask.h"

#include <deque>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/memory_ledger.h"

namespace holisafe::ask {
namespace {

using testing::ElementsAre;

/// Answers in reverse order of what is under way, one at a poll.
class ScriptedAnswerer : public chat::Answerer {
 public:
  explicit ScriptedAnswerer(std::size_t room) : room_(room) {}

  [[nodiscard]] bool has_room() const override { return under_way_.size() < room_; }
  void submit(chat::Key key, chat::Question question, chat::Events*) override {
    EXPECT_LT(under_way_.size(), room_);
    EXPECT_EQ(question.conversation.turns[0].text(), fmt::format("row {}", key));
    under_way_.push_back(key);
    asked.push_back(key);
  }
  [[nodiscard]] std::size_t pending() const override { return under_way_.size(); }
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds) override {
    std::vector<std::pair<chat::Key, Result<chat::Reply>>> out;
    if (under_way_.empty()) return out;
    const chat::Key key = under_way_.back();
    under_way_.pop_back();
    if (on_poll) on_poll(key);
    if (key == refused_key) {
      stopped_ = Error{ErrorKind::unauthorized, "no", "", ""};
      under_way_.clear();
      return out;
    }
    if (fails.contains(key)) {
      out.emplace_back(key, fail(ErrorKind::network, "lost"));
    } else {
      chat::Reply reply;
      reply.text = fmt::format("answer {}", key);
      out.emplace_back(key, std::move(reply));
    }
    return out;
  }
  void cancel(chat::Key key) override { std::erase(under_way_, key); }
  void finish_only() override { ++finishes; }
  void drop_all() override { under_way_.clear(); }
  [[nodiscard]] std::optional<Error> stopped() const override { return stopped_; }
  [[nodiscard]] Faults faults() const override { return {}; }
  [[nodiscard]] bool shares_images() const override { return false; }

  std::vector<chat::Key> asked;
  std::set<chat::Key> fails;
  chat::Key refused_key = -1;
  std::function<void(chat::Key)> on_poll;
  int finishes = 0;

 private:
  std::size_t room_;
  std::vector<chat::Key> under_way_;
  std::optional<Error> stopped_;
};

const OnProgress quiet = [](const AskEnd&) {};

TEST(AskAll, AsksEachPendingQuestionOnceAndKeepsEveryReply) {
  for (const std::size_t room : {1U, 3U, 1000U}) {
    MemoryLedger ledger(200);
    ScriptedAnswerer answerer(room);
    answerer.fails = {3, 150};
    StopFlag stop;
    std::uint64_t told = 0;
    const auto end = ask_all(
        answerer, ledger, [&](const AskEnd& so_far) { told = so_far.settled + so_far.unsettled; }, stop);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->settled, 197);
    EXPECT_EQ(end->unsettled, 3);  // 13 cannot be put
    EXPECT_EQ(told, 200);
    EXPECT_FALSE(end->interrupted);
    EXPECT_FALSE(end->stopped);
    EXPECT_EQ(answerer.asked.size(), 199);
    EXPECT_EQ(std::set<chat::Key>(answerer.asked.begin(), answerer.asked.end()).size(), 199);

    // Again: what is left, and nothing else.
    answerer.asked.clear();
    answerer.fails.clear();
    ASSERT_TRUE(ask_all(answerer, ledger, quiet, stop));
    EXPECT_THAT(answerer.asked, ElementsAre(3, 150));
    EXPECT_EQ(ledger.unsettled(), 1);
  }
}

TEST(AskAll, ReplyIsKeptBeforeAnotherQuestionTakesItsPlace) {
  MemoryLedger ledger(50);
  ScriptedAnswerer answerer(4);
  StopFlag stop;
  answerer.on_poll = [&](chat::Key) {
    // All that was asked and is not under way (the one polled now included) is in the ledger.
    EXPECT_EQ(answerer.asked.size() + (ledger.found.contains(13) ? 1 : 0),
              ledger.found.size() + answerer.pending() + 1);
  };
  ASSERT_TRUE(ask_all(answerer, ledger, quiet, stop));
  EXPECT_EQ(ledger.found.size(), 50);
}

TEST(AskAll, FirstStopFinishesWhatIsUnderWaySecondDropsIt) {
  for (const bool urgent : {false, true}) {
    MemoryLedger ledger(10);
    ScriptedAnswerer answerer(4);
    StopFlag stop;
    answerer.on_poll = [&](chat::Key) {
      if (ledger.found.size() != 2) return;
      stop.request();
      if (urgent) stop.request();
    };
    const auto end = ask_all(answerer, ledger, quiet, stop);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->interrupted);
    EXPECT_EQ(ledger.found.size(), urgent ? 3 : 6);
    EXPECT_EQ(answerer.finishes, urgent ? 0 : 1);
  }
}

TEST(AskAll, StopAfterTheLastReplyInterruptsNothing) {
  MemoryLedger ledger(5);
  ScriptedAnswerer answerer(2);
  StopFlag stop;
  answerer.on_poll = [&](chat::Key) {
    if (ledger.found.size() == 4) stop.request();
  };
  const auto end = ask_all(answerer, ledger, quiet, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled, 5);
  EXPECT_FALSE(end->interrupted);
}

TEST(AskAll, RefusedKeyStopsAndSaysNothingOfTheQuestions) {
  MemoryLedger ledger(100);
  ScriptedAnswerer answerer(4);
  answerer.refused_key = 6;
  StopFlag stop;
  const auto end = ask_all(answerer, ledger, quiet, stop);
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->stopped);
  EXPECT_EQ(end->stopped->kind, ErrorKind::unauthorized);
  EXPECT_FALSE(end->interrupted);
  EXPECT_EQ(ledger.unsettled(), 0);
  EXPECT_LT(answerer.asked.size(), 12);
}

TEST(AskAll, LedgerThatCannotKeepEndsIt) {
  class Full : public MemoryLedger {
   public:
    using MemoryLedger::MemoryLedger;
    Result<std::size_t> record(std::span<const Ended>) override {
      return fail(ErrorKind::out_of_space, "full");
    }
  };
  Full ledger(10);
  ScriptedAnswerer answerer(4);
  StopFlag stop;
  const auto end = ask_all(answerer, ledger, quiet, stop);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::out_of_space);
}

}  // namespace
}  // namespace holisafe::ask
