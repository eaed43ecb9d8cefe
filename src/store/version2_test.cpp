// Stores as version 2 of this program made them: read in place, and migrated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "store/run_store.h"

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// Word for word.
constexpr const char* version2_content = R"(
PRAGMA journal_mode = WAL;
CREATE TABLE identities (scope TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, number)) WITHOUT ROWID;
CREATE TABLE key_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE older_identities (scope TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE clusters (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE numbers (number INTEGER PRIMARY KEY);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  cluster INTEGER NOT NULL, parts TEXT NOT NULL, query TEXT NOT NULL, group_values TEXT NOT NULL,
  target TEXT NOT NULL, label INTEGER, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_cluster ON samples (cluster, position);
CREATE TABLE answers (position INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
  text TEXT NOT NULL, finish_reason TEXT NOT NULL, reason TEXT NOT NULL, verdict TEXT,
  PRIMARY KEY (position, number));
CREATE TABLE judgements (judge TEXT NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
  state TEXT NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, value REAL,
  PRIMARY KEY (judge, position, number)) WITHOUT ROWID;
PRAGMA user_version = 2;
INSERT INTO identities VALUES ('run', 0, 'model', 'm');
INSERT INTO clusters VALUES (0, 'a.png'), (1, 'b.png');
INSERT INTO numbers VALUES (0), (1);
INSERT INTO samples VALUES
  (0, '5', 0, 0, '[{"image":"a.png"},"q5"]', 'q5', '[["type","UUU"]]', '', 4, '{"id": 5}'),
  (1, 'x', 1, 1, '["q3"]', 'q3', '[["type","SSS"]]', 'C', NULL, '{"id": "x"}');
INSERT INTO answers VALUES (0, 0, 'answered', 'a', 'stop', '', NULL), (0, 1, 'answered', 'b', 'stop', '', NULL),
  (1, 1, 'unanswered', '', '', 'HTTP 500', NULL);
INSERT INTO judgements VALUES ('j', 0, 1, 'word', '', '', 0.5);
)";

class Version2 : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(run_);
    fs::create_directories(run_);
    ASSERT_TRUE(Database::open(run_ / RunStore::file_name, Access::write)->run(version2_content));
  }
  void TearDown() override { fs::remove_all(run_); }
  /// All rows: answers with states of judgements.
  static std::vector<std::string> content(const RunStore& store) {
    std::vector<std::string> out;
    RowCursor cursor = *store.rows("j");
    for (Row row; *cursor.next(row);) {
      out.push_back(row.sample.id + (row.answer ? ":" + row.answer->text + row.answer->reason : "") +
                    (row.judgement ? ":" + row.judgement->state : ""));
    }
    return out;
  }
  [[nodiscard]] RunStore open(Access access) const {
    auto store = RunStore::open(run_, access);
    EXPECT_TRUE(store) << store.error().message();
    return *std::move(store);
  }
  fs::path run_ = fs::temp_directory_path() / ("holisafe_version2_" + std::to_string(::getpid()));
};

TEST_F(Version2, IsReadInPlaceAndMigratedByTheFirstWriter) {
  const auto all = ElementsAre("5:a", "5:b:word", "x", "x:HTTP 500");
  const RunStore reader = open(Access::read);
  EXPECT_THAT(content(reader), all);
  EXPECT_THAT(*reader.judges(), ElementsAre("j"));
  EXPECT_EQ(reader.counts()->open(), 2);
  EXPECT_EQ(*reader.unjudged_count("j"), 1);
  {
    RunStore writer = open(Access::write);
    EXPECT_THAT(content(writer), all);
    ASSERT_TRUE(writer.write({{{1, 0}, {AnswerState::answered, "late", "stop", "", std::nullopt}}}));
  }
  EXPECT_THAT(content(reader), all) << "as it stood when it was opened";
  EXPECT_THAT(content(open(Access::read)), ElementsAre("5:a", "5:b:word", "x:late", "x:HTTP 500"));
  ASSERT_TRUE(Database::open(run_ / RunStore::file_name, Access::write)
                  ->run("DELETE FROM predictions WHERE number = 1"));
  const auto less = RunStore::open(run_, Access::read);
  ASSERT_FALSE(less);
  EXPECT_THAT(less.error().message(), HasSubstr("run.db: predictions: expected the 4 rows"));
}

TEST_F(Version2, MayHoldNothingElse) {
  ASSERT_TRUE(
      Database::open(run_ / RunStore::file_name, Access::write)->run("CREATE TABLE images (path TEXT)"));
  for (const auto access : {Access::read, Access::write})
    EXPECT_THAT(RunStore::open(run_, access).error().message(), HasSubstr("run.db: table images: expected"));
}

}  // namespace
}  // namespace holisafe::store
