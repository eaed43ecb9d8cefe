#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/answer_replacer.h"
#include "store/run_store.h"

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Sample sample(std::int64_t position, const std::string& id, std::int64_t cluster, const std::string& image) {
  return {.position = position,
          .id = id,
          .cluster = cluster,
          .parts = {chat::Image{image, nullptr}, "q" + id},
          .query = "q" + id,
          .groups = {{"kind", "a"}, {"other", ""}},
          .target = "",
          .label = std::nullopt,
          .json = "{\"id\": " + id + "}"};
}

class Store : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] RunStore open(Access access = Access::write) const {
    auto store = RunStore::open(run_, access);
    EXPECT_TRUE(store) << store.error().message();
    return *std::move(store);
  }
  [[nodiscard]] RunStore filled(std::int64_t answers = 1) const {
    RunStore store = open();
    const std::vector<Sample> samples = {sample(0, "5", 0, "a.png"), sample(1, "3", 1, "b.png"),
                                         sample(2, "9", 0, "a.png"), sample(3, "1", 2, "c.png")};
    auto writer = store.add_samples(answers);
    EXPECT_TRUE(writer) << writer.error().message();
    EXPECT_TRUE(writer->add(samples));
    EXPECT_EQ(writer->added(), 4);
    EXPECT_TRUE(writer->commit());
    return store;
  }
  static std::vector<std::string> ids(const std::vector<Row>& rows) {
    std::vector<std::string> out;
    for (const auto& row : rows) out.push_back(row.sample.id);
    return out;
  }

  fs::path folder_ = fs::temp_directory_path() / ("holisafe_store_" + std::to_string(::getpid()));
  fs::path run_ = folder_ / "run";
};

Answer answer(const std::string& text) { return {AnswerState::answered, text, "stop", "", std::nullopt}; }
Answer unanswered(const std::string& reason, const std::string& text = "") {
  return {AnswerState::unanswered, text, "", reason, std::nullopt};
}
Judgement judgement(const std::string& state, const std::string& text = "", const std::string& reason = "") {
  return {state, text, reason};
}

TEST_F(Store, SamplesInTheOrderOfTheData) {
  const RunStore store = filled();
  const auto all = *store.unanswered_after({}, 10);
  EXPECT_THAT(ids(all), ElementsAre("5", "3", "9", "1"));
  EXPECT_EQ(all[2].sample.cluster, 0);
  EXPECT_EQ(all[3].sample.position, 3);
  EXPECT_THAT(ids(*store.unanswered_after({1, 0}, 1)), ElementsAre("9"));
  EXPECT_THAT(ids(*store.unanswered_of_cluster_after(-1)), ElementsAre("5", "9"));
  EXPECT_THAT(ids(*store.unanswered_of_cluster_after(0)), ElementsAre("3"));
  EXPECT_TRUE(store.unanswered_of_cluster_after(2)->empty());
}

TEST_F(Store, KeepsEverythingOfASample) {
  Sample whole = sample(7, "a \"name\"", 4, "x/\xc3\xa9 1.png");
  whole.id_is_string = true;
  whole.parts = {"First ",
                 chat::Image{"one.png", nullptr},
                 " then ",
                 chat::Image{"two.png", nullptr},
                 chat::Image{"one.png", nullptr},
                 std::string("NUL \0 \xf0\x9f\x98\x80 \"\\", 13)};
  whole.query = std::string("a\0b", 3);
  whole.groups = {{"type", "x \"y\""}, {"none", ""}};
  whole.target = "C";
  whole.label = 19;
  whole.json = R"({"id": "a \"name\""})";
  RunStore store = open();
  {
    auto writer = *store.add_samples(1);
    ASSERT_TRUE(writer.add({{whole}}));
    ASSERT_TRUE(writer.commit());
  }
  const Sample found = store.unanswered_after({}, 2)->front().sample;
  EXPECT_EQ(found.position, 7);
  EXPECT_EQ(found.id, whole.id);
  EXPECT_TRUE(found.id_is_string);
  EXPECT_EQ(found.cluster, 4);
  EXPECT_EQ(found.query, whole.query);
  EXPECT_EQ(found.groups, whole.groups);
  EXPECT_EQ(found.group("type"), "x \"y\"");
  EXPECT_EQ(found.group("missing"), "");
  EXPECT_EQ(found.target, "C");
  EXPECT_EQ(found.label, 19);
  EXPECT_EQ(found.json, whole.json);
  EXPECT_THAT(found.images(), ElementsAre("one.png", "two.png", "one.png"));
  ASSERT_EQ(found.parts.size(), whole.parts.size());
  for (std::size_t i = 0; i < found.parts.size(); ++i) {
    ASSERT_EQ(found.parts[i].index(), whole.parts[i].index());
    if (const auto* text = std::get_if<std::string>(&found.parts[i])) {
      EXPECT_EQ(*text, std::get<std::string>(whole.parts[i]));
    }
  }
}

TEST_F(Store, ClustersAreNumberedAsTheyComeAlsoThoseLeftOut) {
  RunStore store = open();
  auto writer = *store.add_samples(1);
  EXPECT_EQ(*writer.cluster("b"), 0);
  EXPECT_EQ(*writer.cluster("a"), 1);
  EXPECT_EQ(*writer.cluster("b"), 0);
  EXPECT_EQ(*writer.cluster(""), 2);
}

TEST_F(Store, SamplesAreAddedOnceAndAltogether) {
  RunStore store = open();
  {
    auto writer = *store.add_samples(1);
    ASSERT_TRUE(writer.add({{sample(0, "1", 0, "a")}}));
    const auto again = writer.add({{sample(1, "1", 0, "a")}});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::duplicate);
    auto text_id = sample(1, "1", 0, "a");
    text_id.id_is_string = true;
    EXPECT_TRUE(writer.add({{text_id}}));
  }
  EXPECT_EQ(store.counts()->samples, 0);
  EXPECT_EQ(*store.answers_a_sample(), 0);
  {
    auto writer = *store.add_samples(1);
    auto broken = sample(0, "1", 0, "a");
    broken.query = broken.json = "\xff";
    broken.parts = {"\xff"};
    EXPECT_EQ(writer.add({{broken}}).error().kind, ErrorKind::invalid_utf8);
    ASSERT_TRUE(writer.add({{sample(5, "1", 0, "a")}}));
    ASSERT_TRUE(writer.commit());
  }
  EXPECT_EQ(store.add_samples(1).error().kind, ErrorKind::duplicate);
  EXPECT_EQ(store.counts()->samples, 1);
}

TEST_F(Store, SeveralAnswersASample) {
  RunStore store = filled(3);
  EXPECT_EQ(*store.answers_a_sample(), 3);
  EXPECT_EQ(store.counts()->questions, 12);
  const auto keys = [](const std::vector<Row>& rows) {
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    for (const auto& row : rows) out.emplace_back(row.sample.position, row.number);
    return out;
  };
  using testing::Pair;
  EXPECT_THAT(keys(*store.unanswered_after({}, 4)),
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(0, 2), Pair(1, 0)));
  EXPECT_THAT(keys(*store.unanswered_after({0, 1}, 2)), ElementsAre(Pair(0, 2), Pair(1, 0)));
  ASSERT_TRUE(
      store.write({{{0, 1}, answer("one")}, {{2, 0}, unanswered("HTTP 500")}, {{2, 2}, answer("two")}}));
  EXPECT_THAT(keys(*store.unanswered_of_cluster_after(-1)),
              ElementsAre(Pair(0, 0), Pair(0, 2), Pair(2, 0), Pair(2, 1)));
  EXPECT_EQ(store.unanswered_of_cluster_after(-1)->at(2).answer->reason, "HTTP 500");
  EXPECT_EQ(store.counts()->open(), 10);
  EXPECT_THAT(keys(*store.unjudged_after("j", {}, 9)), ElementsAre(Pair(0, 1), Pair(2, 2)));
  EXPECT_THAT(keys(*store.unjudged_after("j", {0, 1}, 9)), ElementsAre(Pair(2, 2)));
  ASSERT_TRUE(store.write("j", {{{2, 2}, {"word", "", "", 0.1}}}));
  EXPECT_EQ(*store.unjudged_count("j"), 1);
  RowCursor rows = *store.rows("j");
  Row each;
  std::vector<std::string> seen;
  while (*rows.next(each)) {
    if (each.judgement) {
      EXPECT_EQ(each.judgement->value, 0.1);
    }
    seen.push_back((each.answer ? each.answer->text : "-") + (each.judgement ? each.judgement->state : ""));
  }
  EXPECT_THAT(seen, ElementsAre("-", "one", "-", "-", "-", "-", "", "-", "twoword", "-", "-", "-"));
}

TEST_F(Store, AFinalAnswerIsNeverReplaced) {
  RunStore store = filled();
  ASSERT_TRUE(store.write({{{0, 0}, answer(" first\n")}, {{1, 0}, unanswered("HTTP 500")}}));
  ASSERT_TRUE(store.write({{{0, 0}, answer("second")},
                           {{2, 0}, {AnswerState::filtered, "", "content_filter", "", std::nullopt}}}));
  ASSERT_TRUE(store.write({{{0, 0}, unanswered("late")}, {{2, 0}, answer("late")}}));
  EXPECT_THAT(ids(*store.unanswered_after({}, 10)), ElementsAre("3", "1"));
  EXPECT_EQ(store.counts()->open(), 2);
  EXPECT_EQ(store.counts()->unanswered, 1);
  ASSERT_TRUE(store.write({{{1, 0}, answer("now")}}));
  RowCursor rows = *store.rows("");
  Row each;
  std::vector<std::string> texts;
  while (*rows.next(each)) texts.push_back(each.answer ? each.answer->text : "-");
  EXPECT_THAT(texts, ElementsAre(" first\n", "now", "", "-"));
}

TEST_F(Store, KeepsTextAndVerdictExactly) {
  RunStore store = filled();
  Answer guarded = answer(std::string(" \0\t\xc3\xa9 ", 6));
  guarded.verdict = taxonomy::Verdict{.logits = {}, .scores = {}, .label = 7};
  for (std::size_t i = 0; i < guarded.verdict->scores.size(); ++i)
    guarded.verdict->scores[i] = 1.0 / static_cast<double>(3 + i);
  ASSERT_TRUE(store.write({{{3, 0}, guarded}}));
  RowCursor rows = *store.rows("");
  Row each;
  while (*rows.next(each)) {
  }
  EXPECT_EQ(each.answer->text, guarded.text);
  EXPECT_EQ(each.answer->verdict->label, 7);
  EXPECT_EQ(each.answer->verdict->scores, guarded.verdict->scores);
}

TEST_F(Store, JudgementsOfSeveralJudges) {
  RunStore store = filled();
  ASSERT_TRUE(store.write({{{0, 0}, answer("a")}, {{1, 0}, answer("b")}, {{2, 0}, answer("c")}}));
  EXPECT_EQ(*store.unjudged_count("llm"), 3);
  ASSERT_TRUE(store.write("string", {{{0, 0}, judgement("refused")}}));
  ASSERT_TRUE(store.write("llm", {{{0, 0}, judgement("a word", "<label>False</label>")},
                                  {{1, 0}, judgement("unjudged", "hm", "no label")}}));
  const auto open_rows = *store.unjudged_after("llm", {}, 10);
  ASSERT_EQ(open_rows.size(), 2);
  EXPECT_FALSE(open_rows[0].judgement->judged());
  EXPECT_EQ(open_rows[0].judgement->text, "hm");
  EXPECT_EQ(open_rows[1].answer->text, "c");
  ASSERT_TRUE(store.write("llm", {{{0, 0}, Judgement()}, {{1, 0}, judgement("another")}}));
  EXPECT_EQ(*store.unjudged_count("llm"), 1);
  EXPECT_THAT(*store.judges(), ElementsAre("llm", "string"));
  RowCursor rows = *store.rows("llm");
  Row each;
  ASSERT_TRUE(*rows.next(each));
  EXPECT_EQ(each.judgement->state, "a word");
  ASSERT_TRUE(*rows.next(each));
  EXPECT_EQ(each.judgement->state, "another");
  ASSERT_TRUE(*rows.next(each));
  EXPECT_FALSE(each.judgement);
}

TEST_F(Store, ReplacesAnswersAsOneChange) {
  RunStore store = filled();
  ASSERT_TRUE(store.require_same("run", {{"files", "a"}, {"data", "d"}}));
  ASSERT_TRUE(
      store.write({{{0, 0}, answer("kept")}, {{1, 0}, answer("old")}, {{2, 0}, unanswered("not there")}}));
  for (const char* judge : {"string", "llm"})
    ASSERT_TRUE(store.write(judge, {{{0, 0}, judgement("word")}, {{1, 0}, judgement("word")}}));
  const RunStore::Answers changed = {{{0, 0}, answer("kept")},
                                     {{1, 0}, answer("new")},
                                     {{2, 0}, answer("here")},
                                     {{3, 0}, unanswered("gone")}};
  {
    auto dropped = *AnswerReplacer::begin(store);
    ASSERT_TRUE(dropped.put(changed));
  }
  EXPECT_EQ(store.counts()->answered, 2);
  {
    auto replacer = *AnswerReplacer::begin(store);
    ASSERT_TRUE(replacer.put(changed));
    ASSERT_TRUE(replacer.commit({{"data", "d"}, {"files", "b"}}));
  }
  EXPECT_EQ(*store.identity("run"), (Identity{{"data", "d"}, {"files", "b"}}));
  EXPECT_EQ(store.counts()->answered, 3);
  EXPECT_EQ(store.counts()->unanswered, 1);
  for (const char* judge : {"string", "llm"})
    EXPECT_THAT(ids(*store.unjudged_after(judge, {}, 9)), ElementsAre("3", "9"));
  store = open(Access::read);  // whose digests must fit
  EXPECT_EQ(store.unanswered_after({}, 1)->front().answer->reason, "gone");
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
  EXPECT_FALSE(*store.is_older_identity("run"));
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
  EXPECT_EQ(store.values("batch")->size(), 1);
  EXPECT_EQ(store.values("")->size(), 1 + store.values("digest/")->size());
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
        if (each.answer) {
          EXPECT_EQ(each.answer->text, std::string(1000, each.sample.id[0]));
        }
      }
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(writer.write({{{0, 0}, unanswered("", std::string(1000, '5'))},
                              {{1, 0}, unanswered("", std::string(1000, '3'))}}));
  }
  done = true;
  first.join();
  second.join();
}

/// A child that writes one answer after the other and says which are acknowledged, killed at some moment.
TEST_F(Store, WhatWasAcknowledgedIsThereAfterAKill) {
  {
    RunStore made = open();
    auto writer = *made.add_samples(1);
    for (int i = 0; i < 2000; ++i) {
      const std::string number = std::to_string(i);
      ASSERT_TRUE(writer.add({{sample(i, number, i % 50, number)}}));
    }
    ASSERT_TRUE(writer.commit());
  }
  for (int kill_number = 0; kill_number < 10; ++kill_number) {
    int acknowledged[2];
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = RunStore::open(run_, Access::write);
      if (!store) ::_exit(3);
      auto rows = store->unanswered_after({}, 2000);
      for (const auto& row : *rows) {
        if (!store->write({{row.key(), answer("answer " + row.sample.id)}})) ::_exit(4);
        const std::int64_t position = row.sample.position;
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
      if (!each.answer) continue;
      EXPECT_EQ(each.answer->text, "answer " + each.sample.id);
      ++found;
    }
    for (const auto known : heard)
      EXPECT_TRUE(store.unanswered_after({known - 1, 0}, 1)->front().sample.position != known);
    EXPECT_GE(found, heard.size());
  }
}

}  // namespace
}  // namespace holisafe::store
