#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/run_store.h"

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::string row(int id, const std::string& image, const std::string& type = "SSS") {
  return R"({"id": )" + std::to_string(id) + R"(, "image": ")" + image + R"(", "query": "q)" +
         std::to_string(id) + R"(", "type": ")" + type +
         R"(", "category": "hate", "subcategory": "race", "image_safe": true, "image_safety_label": 0})";
}

class Store : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_rows({row(5, "a.png"), row(3, "b.png", "SSU"), row(9, "a.png"), row(1, "c.png", "SUU")});
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write_rows(const std::vector<std::string>& rows) const {
    std::ofstream file(data_);
    for (std::size_t i = 0; i < rows.size(); ++i) file << (i == 0 ? "[" : ",\n") << rows[i];
    file << "]\n";
  }
  [[nodiscard]] RunStore open(Access access = Access::write) const {
    auto store = RunStore::open(run_, access);
    EXPECT_TRUE(store) << store.error().message();
    return *std::move(store);
  }
  [[nodiscard]] RunStore filled(const Part& part = {}) const {
    RunStore store = open();
    const auto added = store.add_samples(data_, part);
    EXPECT_TRUE(added) << added.error().message();
    return store;
  }
  static std::vector<std::string> ids(const std::vector<Sample>& samples) {
    std::vector<std::string> out;
    for (const auto& sample : samples) out.push_back(sample.id);
    return out;
  }

  fs::path folder_ = fs::temp_directory_path() / ("holisafe_store_" + std::to_string(::getpid()));
  fs::path data_ = folder_ / "bench.json";
  fs::path run_ = folder_ / "run";
};

Prediction answer(const std::string& text) { return {AnswerState::answered, text, "stop", "", std::nullopt}; }

TEST_F(Store, SamplesInTheOrderOfTheFile) {
  const RunStore store = filled();
  const auto all = *store.unanswered_after(-1, 10);
  EXPECT_THAT(ids(all), ElementsAre("5", "3", "9", "1"));
  EXPECT_EQ(all[2].image_number, 0);
  EXPECT_EQ(all[3].image_number, 2);
  EXPECT_EQ(all[3].json, row(1, "c.png", "SUU"));
  EXPECT_EQ(all[1].type, taxonomy::Combination::SSU);
  EXPECT_THAT(ids(*store.unanswered_after(1, 1)), ElementsAre("9"));
  EXPECT_THAT(ids(*store.unanswered_of_image_after(-1)), ElementsAre("5", "9"));
  EXPECT_THAT(ids(*store.unanswered_of_image_after(0)), ElementsAre("3"));
  EXPECT_TRUE(store.unanswered_of_image_after(2)->empty());
}

TEST_F(Store, ShardsPartTheImages) {
  EXPECT_THAT(ids(*filled({0, 0, 2}).unanswered_after(-1, 10)), ElementsAre("5", "9", "1"));
  fs::remove_all(run_);
  const RunStore other = filled({0, 1, 2});
  EXPECT_THAT(ids(*other.unanswered_after(-1, 10)), ElementsAre("3"));
  EXPECT_EQ(other.unanswered_after(-1, 10)->front().position, 1);
  fs::remove_all(run_);
  EXPECT_THAT(ids(*filled({2, 0, 1}).unanswered_after(-1, 10)), ElementsAre("5", "3"));
  fs::remove_all(run_);
  EXPECT_EQ(open().add_samples(data_, {1, 1, 2}).error().kind, ErrorKind::missing);
}

TEST_F(Store, BadRowsAreNamedAndNothingIsKept) {
  write_rows({row(5, "a.png"), row(5, "b.png")});
  RunStore store = open();
  const auto added = store.add_samples(data_, {});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::duplicate);
  EXPECT_THAT(added.error().message(), HasSubstr("row 2"));
  EXPECT_EQ(store.counts()->samples, 0);
  std::ofstream(data_) << "[{\"id\": 1,]";
  EXPECT_EQ(store.add_samples(data_, {}).error().kind, ErrorKind::malformed);
}

TEST_F(Store, AFinalAnswerIsNeverReplaced) {
  RunStore store = filled();
  ASSERT_TRUE(store.write({{0, answer(" first\n")}, {1, {AnswerState::unanswered, "", "", "HTTP 500", {}}}}));
  ASSERT_TRUE(
      store.write({{0, answer("second")}, {2, {AnswerState::filtered, "", "content_filter", "", {}}}}));
  ASSERT_TRUE(store.write({{0, {AnswerState::unanswered, "", "", "late", {}}}, {2, answer("late")}}));
  EXPECT_THAT(ids(*store.unanswered_after(-1, 10)), ElementsAre("3", "1"));
  EXPECT_EQ(store.counts()->open(), 2);
  EXPECT_EQ(store.counts()->unanswered, 1);
  ASSERT_TRUE(store.write({{1, answer("now")}}));
  RowCursor rows = *store.rows("");
  Row each;
  std::vector<std::string> texts;
  while (*rows.next(each)) texts.push_back(each.prediction ? each.prediction->text : "-");
  EXPECT_THAT(texts, ElementsAre(" first\n", "now", "", "-"));
}

TEST_F(Store, KeepsTextAndGuardExactly) {
  RunStore store = filled();
  Prediction with_guard = answer(std::string(" \0\t\xc3\xa9 ", 6));
  with_guard.guard = GuardResult{7, {}};
  for (std::size_t i = 0; i < with_guard.guard->scores.size(); ++i)
    with_guard.guard->scores[i] = 1.0 / static_cast<double>(3 + i);
  ASSERT_TRUE(store.write({{3, with_guard}}));
  RowCursor rows = *store.rows("");
  Row each;
  while (*rows.next(each)) {
  }
  EXPECT_EQ(each.prediction->text, with_guard.text);
  EXPECT_EQ(each.prediction->guard->label, 7);
  EXPECT_EQ(each.prediction->guard->scores, with_guard.guard->scores);
}

TEST_F(Store, VerdictsOfSeveralJudges) {
  RunStore store = filled();
  ASSERT_TRUE(store.write({{0, answer("a")}, {1, answer("b")}, {2, answer("c")}}));
  EXPECT_EQ(*store.unjudged_count("llm"), 3);
  ASSERT_TRUE(store.write("string", {{0, {judge::Verdict::refused, "", ""}}}));
  ASSERT_TRUE(store.write("llm", {{0, {judge::Verdict::unexpected, "<label>False</label>", ""}},
                                  {1, {judge::Verdict::unjudged, "hm", "no label"}}}));
  const auto open_rows = *store.unjudged_after("llm", -1, 10);
  ASSERT_EQ(open_rows.size(), 2);
  EXPECT_EQ(open_rows[0].verdict->text, "hm");
  EXPECT_EQ(open_rows[1].prediction->text, "c");
  ASSERT_TRUE(
      store.write("llm", {{0, {judge::Verdict::unjudged, "", ""}}, {1, {judge::Verdict::expected, "", ""}}}));
  EXPECT_EQ(*store.unjudged_count("llm"), 1);
  EXPECT_THAT(*store.judges(), ElementsAre("llm", "string"));
  RowCursor rows = *store.rows("llm");
  Row each;
  ASSERT_TRUE(*rows.next(each));
  EXPECT_EQ(each.verdict->state, judge::Verdict::unexpected);
  ASSERT_TRUE(*rows.next(each));
  EXPECT_EQ(each.verdict->state, judge::Verdict::expected);
  ASSERT_TRUE(*rows.next(each));
  EXPECT_FALSE(each.verdict);
}

TEST_F(Store, RemembersWhatItWasMadeFrom) {
  RunStore store = open();
  const Identity identity = {{"model", "a"}, {"limit", "0"}};
  ASSERT_TRUE(store.require_same("run", identity));
  EXPECT_TRUE(store.require_same("run", identity));
  EXPECT_TRUE(store.require_same("judge x", {{"prompt", "1"}}));
  const auto other = store.require_same("run", {{"model", "b"}, {"limit", "0"}, {"system", "s"}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(other.error().message(),
              HasSubstr("model: expected \"a\", found \"b\"; system: expected nothing"));
  EXPECT_THAT(other.error().message(), testing::Not(HasSubstr("limit")));
  EXPECT_EQ(*store.identity("run"), identity);
}

TEST_F(Store, Values) {
  RunStore store = open();
  ASSERT_TRUE(store.put_value("batch 2", "two"));
  ASSERT_TRUE(store.put_value("batch 1", "one"));
  ASSERT_TRUE(store.put_value("batch 1", "uno"));
  EXPECT_EQ(*store.value("batch 1"), "uno");
  EXPECT_EQ(*store.value("none"), std::nullopt);
  EXPECT_EQ(store.values("batch ")->front().second, "uno");
  EXPECT_EQ(store.values("batch ")->size(), 2);
  ASSERT_TRUE(store.remove_value("batch 1"));
  EXPECT_EQ(store.values("")->size(), 1);
}

TEST_F(Store, OneWriterAndReadersBesideIt) {
  {
    const RunStore writer = filled();
    EXPECT_EQ(RunStore::open(run_, Access::write).error().kind, ErrorKind::permission);
    EXPECT_EQ(open(Access::read).counts()->samples, 4);
  }
  EXPECT_TRUE(RunStore::open(run_, Access::write));
  EXPECT_EQ(RunStore::open(folder_ / "none", Access::read).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
  std::ofstream(folder_ / "run.db") << "this is no database, whatever its name says, and it is long enough";
  EXPECT_EQ(RunStore::open(folder_, Access::read).error().kind, ErrorKind::malformed);
}

TEST_F(Store, ReadersOnOtherThreadsSeeWholeAnswers) {
  RunStore writer = filled();
  std::atomic<bool> done{false};
  const auto read = [&] {
    while (!done) {
      const auto store = RunStore::open(run_, Access::read);
      ASSERT_TRUE(store) << store.error().message();
      RowCursor rows = *store->rows("");
      Row each;
      while (*rows.next(each)) {
        if (each.prediction) {
          EXPECT_EQ(each.prediction->text, std::string(1000, each.sample.id[0]));
        }
      }
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(writer.write({{0, {AnswerState::unanswered, std::string(1000, '5'), "", "", {}}},
                              {1, {AnswerState::unanswered, std::string(1000, '3'), "", "", {}}}}));
  }
  done = true;
  first.join();
  second.join();
}

/// A child that writes one answer after the other and says which are acknowledged, killed at some moment.
TEST_F(Store, WhatWasAcknowledgedIsThereAfterAKill) {
  std::vector<std::string> rows;
  for (int i = 0; i < 2000; ++i) rows.push_back(row(i, std::to_string(i % 50)));
  write_rows(rows);
  { const RunStore made = filled(); }
  for (int kill_number = 0; kill_number < 10; ++kill_number) {
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = RunStore::open(run_, Access::write);
      if (!store) ::_exit(3);
      auto samples = store->unanswered_after(-1, 2000);
      for (const auto& sample : *samples) {
        if (!store->write({{sample.position, answer("answer " + sample.id)}})) ::_exit(4);
        const std::int64_t position = sample.position;
        if (::write(acknowledged[1], &position, sizeof(position)) < 0) ::_exit(5);
      }
      ::pause();
    }
    ::close(acknowledged[1]);
    std::vector<std::int64_t> heard;
    std::int64_t position = 0;
    while (heard.size() < static_cast<std::size_t>(5 + 3 * kill_number) &&
           ::read(acknowledged[0], &position, sizeof(position)) == sizeof(position))
      heard.push_back(position);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    while (::read(acknowledged[0], &position, sizeof(position)) == sizeof(position))
      heard.push_back(position);
    ::close(acknowledged[0]);
    const RunStore store = open();
    RowCursor cursor = *store.rows("");
    Row each;
    std::size_t found = 0;
    while (*cursor.next(each)) {
      if (!each.prediction) continue;
      EXPECT_EQ(each.prediction->text, "answer " + each.sample.id);
      ++found;
    }
    for (const auto known : heard)
      EXPECT_TRUE(store.unanswered_after(known - 1, 1)->front().position != known);
    EXPECT_GE(found, heard.size());
  }
}

}  // namespace
}  // namespace holisafe::store
