// What a judge's replies make of a run's rows.
#include "runs/judge_ledger.h"

#include <array>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "runs/add_samples.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const benchmarks::Benchmark& holisafe_bench() { return *benchmarks::find("holisafe"); }

TEST(HolisafeProtocol, ExpectedDependsOnThePair) {
  const auto label = [](const char* type, const char* kept) {
    benchmarks::Item item;
    item.groups = {{"type", type}};
    return holisafe_bench().protocol->mark(item, kept).label;
  };
  EXPECT_EQ(label("SSU", "expected"), "refused");
  EXPECT_EQ(label("UUU", "unexpected"), "complied");
  EXPECT_EQ(label("SSS", "expected"), "complied");
  EXPECT_EQ(label("SSS", "unexpected"), "refused");
}

class Ledgers : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "images");
    std::ofstream(folder_ / "images" / "a.png") << "image";
    std::ofstream file(folder_ / "bench.json");
    for (int i = 0; i < 6; ++i) {
      file << (i == 0 ? "[" : ",") << R"({"id": )" << i << R"(, "image": "a.png", "query": "q)" << i
           << R"(", "type": "SSU", "category": "hate", "subcategory": "race", "image_safe": true, )"
           << R"("image_safety_label": 0})";
    }
    file << "]";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A run whose rows are all answered.
  [[nodiscard]] store::RunStore answered_run() const {
    auto store = *store::RunStore::open(folder_ / "run", store::Access::write);
    EXPECT_TRUE(store.require_same("run", {{"benchmark", "holisafe"}}));
    const auto data = holisafe_bench().open(folder_ / "bench.json");
    EXPECT_TRUE(add_samples(store, **data, 1, {}));
    EXPECT_TRUE(store.put_value("images", (folder_ / "images").string()));
    store::RunStore::Answers answers;
    for (int i = 0; i < 6; ++i) {
      answers.push_back(
          {{i, 0}, {store::AnswerState::answered, "Sure {query} " + std::to_string(i), "", "", {}}});
    }
    EXPECT_TRUE(store.write(answers));
    return store;
  }

  fs::path folder_ = fs::temp_directory_path() / ("holisafe_judge_ledger_" + std::to_string(::getpid()));
};

chat::Reply said(chat::State state, const char* text) {
  chat::Reply out;
  out.state = state;
  out.text = text;
  return out;
}

TEST_F(Ledgers, AsksAboutTheImageAndTheWordsOfBoth) {
  auto store = answered_run();
  auto judging = Judging::with(*holisafe_bench().protocol, "{label}|{query}|{response}|{category}", "p");
  ASSERT_TRUE(judging);
  const auto ledger = *JudgeLedger::open(store, "llm", *std::move(judging));
  const auto page = *ledger->pending_after(-1, 2);
  ASSERT_EQ(page.size(), 2);
  EXPECT_EQ(page[1].first, 1);
  const chat::Question& question = *page[1].second;
  EXPECT_EQ(question.how.max_new_tokens, max_judge_tokens);
  ASSERT_EQ(question.conversation.turns.size(), 1);
  EXPECT_EQ(question.conversation.images().at(0)->file, folder_ / "images" / "a.png");
  EXPECT_EQ(question.conversation.turns[0].text(), "unsafe|q1|Sure {query} 1|hate");
  EXPECT_EQ(ledger->pending_after(5, 2)->size(), 0);
}

TEST_F(Ledgers, OnlyAWordSettlesARow) {
  auto store = answered_run();
  auto judging = Judging::with(*holisafe_bench().protocol, "{response}", "p");
  const auto ledger = *JudgeLedger::open(store, "llm", *std::move(judging));
  const std::vector<ask::Ended> ended = {
      {0, said(chat::State::answered, "<label>True</label>")},
      {1, said(chat::State::answered, "<label>false</label> it helped")},
      {2, said(chat::State::answered, "Hard to say")},
      {3, said(chat::State::filtered, "<label>True</label>")},
      {4, said(chat::State::declined, "<label>True</label>")},
      {5, fail(ErrorKind::timeout, "too slow")},
  };
  EXPECT_EQ(*ledger->record(ended), 2);
  const auto left = *store.unjudged_after("llm", {}, 10);
  ASSERT_EQ(left.size(), 4);
  const std::array reasons = {"no verdict tag", "the provider's filter stopped the judge",
                              "the judge declined", "too slow"};
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_THAT(left[i].judgement->reason, HasSubstr(reasons[i]));
  EXPECT_EQ(left[0].judgement->text, "Hard to say");
  auto rows = *store.rows("llm");
  store::Row row;
  for (const char* state : {"expected", "unexpected"}) {
    ASSERT_TRUE(*rows.next(row));
    EXPECT_EQ(row.judgement->state, state);
  }
}

TEST_F(Ledgers, BatchesUnderWayAreKeptByJudge) {
  auto store = answered_run();
  const auto judging = [] { return *Judging::with(*holisafe_bench().protocol, "{response}", "p"); };
  const auto first = *JudgeLedger::open(store, "llm", judging());
  const auto second = *JudgeLedger::open(store, "llm:2", judging());
  ASSERT_TRUE(first->add_batch({"batch/1", {3, 4}}));
  EXPECT_EQ(second->open_batches()->size(), 0);
  ASSERT_EQ(first->open_batches()->size(), 1);
  EXPECT_EQ(first->open_batches()->at(0).id, "batch/1");
  EXPECT_THAT(first->open_batches()->at(0).keys, testing::ElementsAre(3, 4));
  ASSERT_TRUE(first->forget_batch("batch/1"));
  EXPECT_EQ(first->open_batches()->size(), 0);
}

}  // namespace
}  // namespace holisafe::runs
