// What a guard run's store gives back, and what it refuses.
#include "verdicts/guard_store.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "verdicts/guard_writer.h"

namespace holisafe::verdicts {
namespace {

namespace fs = std::filesystem;
using store::Access;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr FileStamp stamp{10, 1'700'000'000'123'456'789};

ContentRow content(std::string_view bytes, double unsafe) {
  ContentRow out{sha256(bytes), 4, 3, taxonomy::Verdict{}};
  out.verdict->scores[0] = 1 - unsafe;
  out.verdict->scores[7] = unsafe;
  out.verdict->label = unsafe > 0.5 ? 7 : 0;
  return out;
}

class Stored : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(run_); }
  void TearDown() override { fs::remove_all(run_); }

  [[nodiscard]] GuardStore open(Access access = Access::write) const {
    return GuardStore::open(run_, access).value();
  }
  /// What opening says.
  [[nodiscard]] std::string refusal(Access access = Access::read) const {
    const auto opened = GuardStore::open(run_, access);
    return opened ? "" : opened.error().message();
  }
  /// By whoever has SQLite.
  void by_hand(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(::sqlite3_open((run_ / "guard.db").c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << ::sqlite3_errmsg(connection);
    ::sqlite3_close(connection);
  }
  /// Two paths of one content, and one that could not be read.
  void fill() const {
    const auto store = open();
    auto writer = GuardWriter::begin(store).value();
    ASSERT_TRUE(writer.begin_listing("/start", {"b", "a", "b"}));
    for (const auto* path : {"a/1", "b/1", "b/2"}) ASSERT_TRUE(writer.list(path, stamp));
    ASSERT_TRUE(writer.end_listing([](const std::string&) { return false; }));
    const std::vector<float> pooled{1, 2.5F};
    const auto number = writer.add(content("one", 0.75), pooled).value();
    ASSERT_TRUE(writer.read("a/1", stamp, number));
    ASSERT_TRUE(writer.read("b/1", stamp, number));
    ASSERT_TRUE(writer.failed("b/2", stamp, {ErrorKind::permission, "cannot read file", "", "denied"}));
    ASSERT_TRUE(writer.commit());
  }
  [[nodiscard]] static std::vector<Line> lines(const GuardStore& store) {
    auto cursor = store.lines().value();
    std::vector<Line> out;
    Line line;
    while (cursor.next(line).value()) out.push_back(line);
    return out;
  }
  /// What reading all lines says.
  [[nodiscard]] std::string reading() const {
    const auto store = open(Access::read);
    auto cursor = store.lines().value();
    Line line;
    auto found = cursor.next(line);
    while (found && *found) found = cursor.next(line);
    return found ? "" : found.error().message();
  }

  fs::path run_ = fs::temp_directory_path() / fmt::format("guard_store_test_{}", ::getpid());
};

TEST_F(Stored, GivesBackWhatWasWritten) {
  fill();
  const auto store = open(Access::read);
  EXPECT_THAT(store.trees().value(), ElementsAre("a", "b"));
  EXPECT_EQ(store.start().value(), "/start");
  const auto found = lines(store);
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0].path, "a/1");
  EXPECT_EQ(found[0].stamp, stamp);
  EXPECT_EQ(found[0].sha256, sha256("one"));
  EXPECT_EQ(found[0].verdict->scores, content("one", 0.75).verdict->scores);
  EXPECT_EQ(found[0].verdict->label, 7);
  EXPECT_EQ(found[1].content, found[0].content);
  EXPECT_EQ(found[2].verdict.error().message(), "cannot read file: b/2: denied");
  EXPECT_EQ(found[2].content, -1);
  const auto counts = store.counts().value();
  EXPECT_EQ(counts.paths, 3);
  EXPECT_EQ(counts.contents, 1);
  EXPECT_EQ(counts.duplicates, 1);
  EXPECT_EQ(counts.pending, 0);
  auto pooled = store.pooled().value();
  PooledContent one;
  ASSERT_TRUE(pooled.next(one).value());
  EXPECT_THAT(one.vector, ElementsAre(1, 2.5F));
  EXPECT_FALSE(pooled.next(one).value());
}

TEST_F(Stored, WhatIsStillToBeReadHasNoLine) {
  fill();
  const auto store = open();
  auto writer = GuardWriter::begin(store).value();
  ASSERT_TRUE(writer.begin_listing("/start", {"b"}));
  ASSERT_TRUE(writer.list("a/1", FileStamp{11, stamp.modified}));
  ASSERT_TRUE(writer.list("b/1", stamp));
  ASSERT_TRUE(writer.list("b/2", stamp));
  ASSERT_TRUE(writer.end_listing([](const std::string&) { return false; }));
  EXPECT_EQ(lines(store).size(), 1);
  EXPECT_THAT(writer.pending_after("", 10).value(), ElementsAre("a/1", "b/2"));
  EXPECT_THAT(writer.pending_after("a/1", 10).value(), ElementsAre("b/2"));
  EXPECT_EQ(writer.known(sha256("one")).value()->row.width, 4);
  EXPECT_FALSE(writer.known(sha256("two")).value());
}

TEST_F(Stored, FoldersThatWereNotMetAgainAreForgottenAndGoneFilesAreNot) {
  {
    const auto store = open();
    auto writer = GuardWriter::begin(store).value();
    ASSERT_TRUE(writer.begin_listing("/", {}));
    ASSERT_TRUE(
        writer.list("locked", Error{ErrorKind::permission, "cannot read folder", "locked", "denied"}));
    ASSERT_TRUE(writer.list("never-read", stamp));
    ASSERT_TRUE(writer.end_listing([](const std::string&) { return false; }));
    EXPECT_EQ(lines(store).at(0).verdict.error().message(), "cannot read folder: locked: denied");
  }
  fill();
  const auto store = open();
  auto writer = GuardWriter::begin(store).value();
  ASSERT_TRUE(writer.begin_listing("/", {}));
  ASSERT_TRUE(writer.list("b/1", std::nullopt)) << "named, and not there";
  ASSERT_TRUE(writer.end_listing([](const std::string& path) { return path != "a/1"; }));
  std::vector<std::string> found;
  for (const Line& line : lines(store)) found.push_back(line.path + (line.gone ? " gone" : ""));
  EXPECT_THAT(found, ElementsAre("a/1", "b/1 gone", "b/2 gone"));
}

TEST_F(Stored, AKillLeavesWhatWasCommitted) {
  fill();
  {
    const auto store = open();
    auto writer = GuardWriter::begin(store).value();
    ASSERT_TRUE(writer.add(content("two", 0.5), {}));
  }
  const auto store = open();
  auto writer = GuardWriter::begin(store).value();
  EXPECT_FALSE(writer.known(sha256("two")).value());
  EXPECT_EQ(writer.add(content("two", 0.5), {}).value(), 2);
  EXPECT_EQ(writer.add(content("two", 0.5), {}).error().kind, ErrorKind::duplicate);
}

TEST_F(Stored, AnIdentityIsRememberedAndCompared) {
  const auto store = open();
  ASSERT_TRUE(store.require_same({{"model", "m"}, {"alpha", "white"}}));
  ASSERT_TRUE(store.require_same({{"model", "m"}, {"alpha", "white"}}));
  const auto other = store.require_same({{"model", "m"}, {"alpha", "drop"}});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(), HasSubstr("alpha: expected \"white\", found \"drop\""));
  EXPECT_EQ(store.flagging().value().threshold(), 0.5);
  ASSERT_TRUE(store.put_flagging(Flagging(0.1)));
  EXPECT_EQ(store.flagging().value().threshold(), 0.1);
  const std::vector<double> thresholds(taxonomy::class_count, 0.25);
  ASSERT_TRUE(store.put_flagging(Flagging::by_class(thresholds, "g").value()));
  EXPECT_EQ(store.flagging().value().thresholds(), thresholds);
  EXPECT_FALSE(store.facts().value());
  ASSERT_TRUE(store.put_facts({"b", "f", "t", "projector", 64, thresholds}));
  EXPECT_EQ(store.facts().value()->hidden_size, 64);
  EXPECT_EQ(store.facts().value()->thresholds, thresholds);
}

TEST_F(Stored, OthersTablesAreRefused) {
  EXPECT_THAT(refusal(), HasSubstr("no run"));
  fill();
  EXPECT_EQ(refusal(), "");
  by_hand("CREATE TRIGGER more AFTER INSERT ON files BEGIN DELETE FROM files; END");
  EXPECT_THAT(refusal(), HasSubstr("trigger more"));
  EXPECT_THAT(refusal(Access::write), HasSubstr("trigger more"));
  by_hand("DROP TRIGGER more; PRAGMA user_version = 2");
  EXPECT_THAT(refusal(), HasSubstr("expected version 1, found 2"));
  by_hand("PRAGMA user_version = 1; DROP TABLE pooled");
  EXPECT_THAT(refusal(), HasSubstr("table pooled: expected it, found none"));
  SetUp();
  fill();
  {
    std::fstream file(run_ / "guard.db", std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const auto at = bytes.find("a/1");  // of a row of `files`
    ASSERT_NE(at, std::string::npos);
    file.seekp(static_cast<std::streamoff>(at - 40));
    file << std::string(60, '\xff');
  }
  EXPECT_THAT(refusal(), HasSubstr("damaged run store"));
  std::ofstream(run_ / "guard.db") << "no database";
  EXPECT_THAT(refusal(), HasSubstr("damaged run store"));
}

TEST_F(Stored, ValuesThatAreNeverWrittenAreNamed) {
  for (const auto& [sql, named] : std::initializer_list<std::pair<const char*, const char*>>{
           {"UPDATE contents SET label = 20", "label"},
           {"UPDATE contents SET race = NULL", "race"},
           {"UPDATE contents SET race = 1.5", "race"},
           {"UPDATE contents SET race = 'x'", "race"},
           {"UPDATE contents SET sha256 = x'00'", "sha256"},
           {"UPDATE contents SET width = -1", "width"},
           {"UPDATE contents SET error_kind = 'io'", "error_detail"},
           {"UPDATE files SET error_kind = 'odd' WHERE path = x'622f32'", "error_kind"},
           {"UPDATE files SET content = 7 WHERE content = 1", "content"},
           {"UPDATE files SET gone = 2", "gone"},
           {"UPDATE files SET path = 'text' WHERE path = x'622f32'", "path"},
           {"UPDATE files SET bytes = 'x'", "bytes"}}) {
    SetUp();
    fill();
    by_hand(sql);
    EXPECT_THAT(reading(), testing::AllOf(HasSubstr("damaged run store"), HasSubstr(named))) << sql;
  }
  SetUp();
  fill();
  for (const char* value : {"2", "[1]", "\"a\"", "[[[[", "{"}) {
    by_hand(
        fmt::format("INSERT OR REPLACE INTO key_values VALUES ('flagging', '{0}'), ('judge', '{0}')", value));
    EXPECT_FALSE(open(Access::read).flagging()) << value;
    EXPECT_FALSE(open(Access::read).facts()) << value;
  }
}

}  // namespace
}  // namespace holisafe::verdicts
