// Stores as version 1 of this program made them: read in place, and migrated.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/run_store.h"

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// Word for word.
constexpr const char* version1_tables = R"(
PRAGMA journal_mode = WAL;
CREATE TABLE identities (scope TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, number)) WITHOUT ROWID;
CREATE TABLE key_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  image INTEGER NOT NULL, query TEXT NOT NULL, type TEXT NOT NULL, subcategory INTEGER NOT NULL,
  label INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_image ON samples (image, position);
CREATE TABLE predictions (position INTEGER PRIMARY KEY, state TEXT NOT NULL, text TEXT NOT NULL,
  finish_reason TEXT NOT NULL, reason TEXT NOT NULL, guard TEXT);
CREATE TABLE verdicts (judge TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (judge, position)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

constexpr const char* version1_rows = R"(
INSERT INTO identities VALUES ('run', 0, 'endpoint', 'http://x/v1'),
  ('run', 1, 'model', 'm'), ('run', 2, 'shard', '0/1'), ('openai:x', 0, 'prompt', 'p');
INSERT INTO key_values VALUES ('images', '/data/images'), ('batch/8:openai:x/b1', '[2]');
INSERT INTO images VALUES (0, 'a "1".png'), (1, 'b.png');
INSERT INTO samples VALUES
  (0, '5', 0, 0, 'q' || char(0) || '"5"', 'UUU', 1, 4, '{"id": 5}'),
  (1, 'x', 1, 1, 'q3', 'SSS', 0, 0, '{"id": "x", "category": "odd"}'),
  (2, '9', 0, 0, 'q9', 'SSU', 19, 0, '{"id": 9}');
INSERT INTO predictions VALUES
  (0, 'answered', ' a' || char(10), 'stop', '',
   '[4,0.125,0,0,0,0.875,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]'),
  (1, 'unanswered', '', '', 'HTTP 500', NULL),
  (2, 'answered', 'c', 'length', '', NULL);
INSERT INTO verdicts VALUES ('string', 0, 'refused', '', ''), ('string', 2, 'complied', '', ''),
  ('openai:x', 0, 'unjudged', 'hm', 'no label'), ('openai:x', 2, 'expected', '<label>True</label>', '');
)";

class Version1 : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(run_);
    make_store();
  }
  void TearDown() override {
    fs::permissions(run_, fs::perms::owner_all);
    fs::remove_all(run_);
  }
  void make_store(const char* more = "") const {
    fs::remove_all(run_);
    fs::create_directories(run_);
    const auto database = Database::open(run_ / RunStore::file_name, Access::write);
    for (const char* sql : {version1_tables, version1_rows, more}) ASSERT_TRUE(database->run(sql));
  }
  [[nodiscard]] RunStore open(Access access) const {
    auto store = RunStore::open(run_, access);
    EXPECT_TRUE(store) << store.error().message();
    return *std::move(store);
  }
  /// Read past RunStore.
  [[nodiscard]] std::int64_t integer(const char* sql) const {
    const auto database = Database::open(run_ / RunStore::file_name, Access::read);
    auto statement = database->prepare(sql);
    EXPECT_TRUE(statement) << statement.error().message();
    EXPECT_TRUE(*statement->step());
    return statement->integer(0);
  }
  [[nodiscard]] std::int64_t version_there() const { return integer("PRAGMA user_version"); }

  fs::path run_ = fs::temp_directory_path() / ("holisafe_version1_" + std::to_string(::getpid()));
};

/// All that a store of these rows must say, whatever its version.
void expect_content(const RunStore& store) {
  EXPECT_EQ(*store.answers_a_sample(), 1);
  const auto counts = *store.counts();
  EXPECT_EQ(counts.samples, 3);
  EXPECT_EQ(counts.answered, 2);
  EXPECT_EQ(counts.open(), 1);
  EXPECT_EQ(*store.value("images"), "/data/images");
  EXPECT_EQ(*store.value("endpoint"), "http://x/v1");
  EXPECT_THAT(*store.values("batch/"), ElementsAre(Pair("batch/8:openai:x/b1", "[2]")));
  EXPECT_THAT(*store.identity("run"), ElementsAre(Pair("model", "m"), Pair("shard", "0/1")));
  EXPECT_TRUE(*store.is_older_identity("run"));
  EXPECT_FALSE(*store.is_older_identity("string"));
  EXPECT_THAT(*store.judges(), ElementsAre("openai:x", "string"));
  EXPECT_EQ(store.unanswered_after({}, 9)->front().sample.id, "x");
  EXPECT_EQ(store.unanswered_of_cluster_after(0)->front().sample.id, "x");
  EXPECT_TRUE(store.unanswered_of_cluster_after(1)->empty());
  EXPECT_EQ(*store.unjudged_count("openai:x"), 1);
  EXPECT_EQ(store.unjudged_after("openai:x", {}, 9)->front().judgement->text, "hm");

  std::vector<Row> rows;
  RowCursor cursor = *store.rows("openai:x");
  for (Row row; *cursor.next(row);) rows.push_back(row);
  ASSERT_EQ(rows.size(), 3);
  const Sample& first = rows[0].sample;
  EXPECT_EQ(first.query, std::string("q\0\"5\"", 5));
  EXPECT_THAT(first.images(), ElementsAre("a \"1\".png"));
  ASSERT_EQ(first.parts.size(), 2);
  EXPECT_EQ(std::get<std::string>(first.parts[1]), first.query);
  EXPECT_THAT(first.groups,
              ElementsAre(Pair("type", "UUU"), Pair("category", std::string(taxonomy::classes()[1].category)),
                          Pair("subcategory", std::string(taxonomy::classes()[1].name))));
  EXPECT_EQ(first.label, 4);
  EXPECT_EQ(first.json, "{\"id\": 5}");
  EXPECT_EQ(rows[0].answer->text, " a\n");
  EXPECT_EQ(rows[0].answer->verdict->label, 4);
  EXPECT_EQ(rows[0].answer->verdict->scores[0], 0.125);
  EXPECT_FALSE(rows[0].judgement->judged());
  EXPECT_TRUE(rows[1].sample.id_is_string);
  EXPECT_EQ(rows[1].sample.cluster, 1);
  EXPECT_THAT(rows[1].sample.groups,
              ElementsAre(Pair("type", "SSS"), Pair("category", ""), Pair("subcategory", "")));
  EXPECT_EQ(rows[1].answer->reason, "HTTP 500");
  EXPECT_EQ(rows[2].sample.cluster, 0);
  EXPECT_EQ(rows[2].judgement->state, "expected");
  EXPECT_FALSE(rows[2].judgement->value);
}

TEST_F(Version1, IsReadInPlace) {
  expect_content(open(Access::read));
  EXPECT_EQ(version_there(), 1);
  EXPECT_EQ(integer("SELECT count(*) FROM predictions"), 3);
  fs::permissions(run_, fs::perms::owner_read | fs::perms::owner_exec);
  expect_content(open(Access::read));
}

TEST_F(Version1, IsMigratedByTheFirstWriter) {
  {
    RunStore store = open(Access::write);
    expect_content(store);
    ASSERT_TRUE(store.write({{{1, 0}, {AnswerState::answered, "late", "stop", "", std::nullopt}}}));
    EXPECT_EQ(store.add_samples(1).error().kind, ErrorKind::duplicate);
  }
  EXPECT_EQ(version_there(), 3);
  EXPECT_EQ(integer("SELECT count(*) FROM sqlite_master WHERE name IN ('clusters', 'answers', 'judgements', "
                    "'version1_samples', 'samples_of_image')"),
            0);
  EXPECT_EQ(integer("SELECT count(*) FROM images"), 2);
  EXPECT_EQ(open(Access::write).counts()->open(), 0);
}

TEST_F(Version1, WhatItDidNotRememberIsAddedOnce) {
  RunStore store = open(Access::write);
  const auto other = store.require_same("run", {{"model", "n"}, {"shard", "0/1"}, {"api", "openai"}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(other.error().message(), testing::Not(HasSubstr("api")));
  EXPECT_EQ(store.require_same("run", {{"model", "m"}}).error().kind, ErrorKind::mismatch);
  EXPECT_TRUE(*store.is_older_identity("run"));

  const Identity grown = {{"api", "openai"}, {"model", "m"}, {"shard", "0/1"}};
  ASSERT_TRUE(store.require_same("run", grown));
  EXPECT_THAT(*store.identity("run"),
              ElementsAre(Pair("model", "m"), Pair("shard", "0/1"), Pair("api", "openai")));
  EXPECT_FALSE(*store.is_older_identity("run"));
  EXPECT_TRUE(store.require_same("run", grown));
  EXPECT_EQ(store.require_same("run", {{"api", "openai"}, {"model", "m"}, {"shard", "0/1"}, {"more", "1"}})
                .error()
                .kind,
            ErrorKind::mismatch);
  EXPECT_TRUE(*store.is_older_identity("openai:x"));
}

TEST_F(Version1, AReaderSeesItsOwnStateWhileAnotherMigrates) {
  const RunStore reader = open(Access::read);
  {
    RunStore writer = open(Access::write);
    ASSERT_TRUE(writer.write({{{1, 0}, {AnswerState::answered, "late", "stop", "", std::nullopt}}}));
    expect_content(reader);
  }
  expect_content(reader);
  EXPECT_EQ(version_there(), 3);
}

TEST_F(Version1, AMigrationThatFailsLeavesItWhole) {
  make_store("CREATE TABLE judgements (something TEXT)");
  EXPECT_FALSE(RunStore::open(run_, Access::write));
  EXPECT_EQ(version_there(), 1);
  ASSERT_TRUE(Database::open(run_ / RunStore::file_name, Access::write)->run("DROP TABLE judgements"));
  expect_content(open(Access::read));
}

/// The file that a migration writes first may not grow beyond so many bytes: the process dies there.
TEST_F(Version1, AKillInTheMiddleLeavesItWhole) {
  int killed = 0;
  for (rlim_t bytes = 0;; bytes += 7001) {
    make_store();
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_DFL);
      const rlimit limit{bytes, bytes};
      const rlimit no_core{0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      ::setrlimit(RLIMIT_FSIZE, &limit);
      const auto store = RunStore::open(run_, Access::write);
      ::_exit(store ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    ++killed;
    EXPECT_EQ(WTERMSIG(status), SIGXFSZ);
    EXPECT_EQ(version_there(), 1) << bytes;
    expect_content(open(Access::read));
  }
  EXPECT_GT(killed, 4);
  EXPECT_EQ(version_there(), 3);
  expect_content(open(Access::write));
}

TEST_F(Version1, ASampleWhosePictureIsGoneIsNotLeftOut) {
  make_store("DELETE FROM images WHERE number = 1");
  const RunStore store = open(Access::read);
  RowCursor cursor = *store.rows("");
  Row row;
  EXPECT_TRUE(cursor.next(row));
  const auto second = cursor.next(row);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("run.db: samples.parts of row 2: expected"));
}

TEST_F(Version1, ALaterVersionIsRefused) {
  ASSERT_TRUE(Database::open(run_ / RunStore::file_name, Access::write)->run("PRAGMA user_version = 4"));
  for (const auto access : {Access::read, Access::write}) {
    const auto store = RunStore::open(run_, access);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::unsupported);
    EXPECT_THAT(store.error().message(), HasSubstr("expected version 1 to 3, found 4"));
  }
}

}  // namespace
}  // namespace holisafe::store
