// Stores that somebody else made, or that a disk damaged: what is read of them is what was written, or an
// error.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/run_store.h"

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int row_count = 10;

Sample sample(int number) {
  return {.position = number,
          .id = std::to_string(100 + number),
          .cluster = number / 2,
          .parts = {chat::Image{fmt::format("image{}.png", number / 2), nullptr},
                    fmt::format("question {}", number)},
          .query = fmt::format("question {}", number),
          .groups = {{"type", number % 2 == 0 ? "SSU" : "USU"}},
          .target = "C",
          .label = number,
          .json = fmt::format("{{\"id\": {}, \"query\": \"question {}\"}}", 100 + number, number)};
}

class Damaged : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(run_);
    auto store = RunStore::open(run_, Access::write).value();
    ASSERT_TRUE(store.require_same("run", {{"model", "m"}}));
    {
      auto writer = store.add_samples(1).value();
      for (int i = 0; i < row_count; ++i) {
        ASSERT_TRUE(writer.cluster(fmt::format("image{}.png", i / 2)));
        ASSERT_TRUE(writer.add({{sample(i)}}));
      }
      ASSERT_TRUE(writer.commit());
    }
    RunStore::Answers answers;
    RunStore::Judgements judgements;
    for (int i = 0; i < row_count - 1; ++i) {
      Answer answer{AnswerState::answered, fmt::format("I cannot help with {}.", i), "stop", "",
                    taxonomy::Verdict{}};
      answer.verdict->scores[0] = 1.0 / (i + 1);
      answers.push_back({{i, 0}, answer});
      judgements.push_back({{i, 0}, {i % 2 == 0 ? "refused" : "complied", "said", "", 0.5}});
    }
    answers.push_back({{row_count - 1, 0}, {AnswerState::unanswered, "", "", "HTTP 500", std::nullopt}});
    ASSERT_TRUE(store.write(answers));
    ASSERT_TRUE(store.write("string", judgements));
    ASSERT_TRUE(store.write("openai:x", judgements));
  }
  void TearDown() override { fs::remove_all(run_); }

  [[nodiscard]] fs::path file() const { return run_ / RunStore::file_name; }
  void run_sql(const std::string& sql) const {
    const auto done = Database::open(file(), Access::write)->run(sql.c_str());
    ASSERT_TRUE(done) << sql << ": " << done.error().message();
  }
  [[nodiscard]] std::string bytes() const {
    std::ostringstream out;
    out << std::ifstream(file(), std::ios::binary).rdbuf();
    return out.str();
  }
  void put_bytes(const std::string& bytes) const { std::ofstream(file(), std::ios::binary) << bytes; }

  /// Everything that a report would read, or the error.
  [[nodiscard]] Result<std::string> content() const {
    HOLISAFE_TRY(const RunStore store, RunStore::open(run_, Access::read));
    HOLISAFE_TRY(const auto judges, store.judges());
    std::string out;
    for (const auto& judge : judges) {
      out += "[" + judge + "]";
      HOLISAFE_TRY(RowCursor cursor, store.rows(judge));
      Row row;
      while (true) {
        HOLISAFE_TRY(const bool found, cursor.next(row));
        if (!found) break;
        const Sample& sample = row.sample;
        out += fmt::format("{},{},{},{},{},{};", sample.position, sample.id, sample.query, sample.target,
                           sample.cluster, sample.label.value_or(-1));
        for (const auto& [name, value] : sample.groups) out += name + value;
        for (const auto& image : sample.images()) out += image;
        out += sample.json;
        if (row.answer) out += std::string(name(row.answer->state)) + row.answer->text + row.answer->reason;
        if (row.answer && row.answer->verdict) out += fmt::format("{}", row.answer->verdict->scores[0]);
        if (row.judgement) out += row.judgement->state + fmt::format("{}", row.judgement->value.value_or(-1));
      }
    }
    HOLISAFE_TRY(const auto counts, store.counts());
    return out + fmt::format("{}/{}", counts.samples, counts.open());
  }
  static std::string said(const Result<std::string>& content) {
    return content ? "" : content.error().message();
  }

  fs::path run_ = fs::temp_directory_path() / ("holisafe_damaged_" + std::to_string(::getpid()));
};

TEST_F(Damaged, OnlyThisProgramsTables) {
  const std::string sound = bytes();
  const std::pair<const char*, const char*> changes[] = {
      {"ALTER TABLE images RENAME TO images2; CREATE VIEW images AS WITH RECURSIVE r(n) AS (SELECT 1 UNION "
       "ALL "
       "SELECT n + 1 FROM r) SELECT n AS number, 'a' || n AS name FROM r",
       "images"},
      {"CREATE VIEW more AS SELECT * FROM samples", "view more"},
      {"CREATE TRIGGER t AFTER INSERT ON verdicts BEGIN UPDATE predictions SET text = 'Sorry'; END",
       "trigger t"},
      {"CREATE TABLE more (x TEXT)", "table more"},
      {"CREATE INDEX more ON samples (query)", "index more"},
      {"DROP INDEX samples_of_cluster", "index samples_of_cluster: expected it, found none"},
      {"ALTER TABLE samples ADD COLUMN more TEXT", "table samples"},
      {"ALTER TABLE predictions ADD COLUMN more TEXT GENERATED ALWAYS AS (upper(text)) VIRTUAL",
       "table predictions"},
      {"DROP TABLE verdicts", "table verdicts: expected it, found none"},
      {"PRAGMA user_version = 2", "run.db: "},
      {"PRAGMA user_version = 1", "run.db: "},
      {"ANALYZE", "sqlite_stat1"}};
  for (const auto& [sql, word] : changes) {
    put_bytes(sound);
    run_sql(sql);
    const std::string before = bytes();
    for (const auto access : {Access::read, Access::write}) {
      const auto store = RunStore::open(run_, access);
      ASSERT_FALSE(store) << sql;
      EXPECT_EQ(store.error().kind, ErrorKind::malformed) << sql;
      EXPECT_THAT(store.error().message(), HasSubstr("damaged run store: " + file().string() + ": ")) << sql;
      EXPECT_THAT(store.error().message(), HasSubstr(word)) << sql;
    }
    EXPECT_EQ(bytes(), before) << sql;
  }
}

TEST_F(Damaged, RowsThatAreGoneOrOthers) {
  const std::string sound = bytes();
  for (const auto* sql : {"DELETE FROM samples WHERE position = 2", "DELETE FROM numbers",
                          "INSERT INTO numbers VALUES (7)", "DELETE FROM predictions WHERE position = 3",
                          "DELETE FROM verdicts WHERE judge = 'string' AND position = 8",
                          "UPDATE samples SET query = 'another' WHERE position = 1",
                          "UPDATE samples SET position = 90 WHERE position = 9",
                          "UPDATE predictions SET text = 'Sorry' WHERE position = 1",
                          "UPDATE verdicts SET judge = 'strinf' WHERE judge = 'string' AND position = 0"}) {
    put_bytes(sound);
    run_sql(sql);
    EXPECT_THAT(said(content()), HasSubstr("run.db: ")) << sql;
    EXPECT_THAT(said(content()), HasSubstr("rows that were written")) << sql;
    EXPECT_FALSE(RunStore::open(run_, Access::write)) << sql;
  }
}

TEST_F(Damaged, EachColumnAtEachWrongKind) {
  run_sql("DELETE FROM key_values WHERE key LIKE 'digest/%'");
  const std::string sound = bytes();
  const std::string expected = content().value();
  struct Column {
    const char* table;
    const char* name;
    std::vector<const char*> wrong;
  };
  const std::vector<const char*> text = {"x'00ff'", "CAST(x'61ff' AS TEXT)", "CAST(x'c3' AS TEXT)"};
  const std::vector<const char*> number = {"x'00'", "'word'", "-1", "1.5", "9e999"};
  const std::vector<const char*> json = {
      "x'5b5d'", "CAST(x'61ff' AS TEXT)", "''", "'['", "'[[[[1]]]]'", "'{\"a'", "'{}'", "'[1]'", "7",
      "'null'"};
  const std::vector<const char*> object = {"x'7b7d'",
                                           "CAST(x'61ff' AS TEXT)",
                                           "''",
                                           "'{\"a'",
                                           "'[]'",
                                           "' {}'",
                                           "'{\"a\":\"' || CAST(x'ff' AS TEXT) || '\"}'",
                                           "7",
                                           "'null'",
                                           "'{} {}'"};
  const Column columns[] = {{"samples", "id", text},
                            {"samples", "id_is_string", number},
                            {"samples", "cluster", number},
                            {"samples", "parts", json},
                            {"samples", "query", text},
                            {"samples", "group_values", json},
                            {"samples", "target", text},
                            {"samples", "label", {"x'00'", "'word'", "-1", "20", "1.5"}},
                            {"samples", "json", object},
                            {"predictions", "state", {"x'00'", "'word'", "7", "CAST(x'ff' AS TEXT)"}},
                            {"predictions", "text", text},
                            {"predictions", "finish_reason", text},
                            {"predictions", "reason", text},
                            {"predictions", "verdict", json},
                            {"verdicts", "state", text},
                            {"verdicts", "text", text},
                            {"verdicts", "reason", text},
                            {"verdicts", "value", {"x'00'", "'word'", "9e999"}},
                            {"verdicts", "judge", text}};
  for (const Column& column : columns) {
    for (const char* value : column.wrong) {
      put_bytes(sound);
      const char* which = column.name == std::string("judge") ? " AND judge = 'string'" : "";
      run_sql(
          fmt::format("UPDATE {} SET {} = {} WHERE position = 3{}", column.table, column.name, value, which));
      const auto read = content();
      ASSERT_FALSE(read) << column.name << " " << value;
      EXPECT_EQ(read.error().kind, ErrorKind::malformed) << column.name << " " << value;
      EXPECT_THAT(read.error().message(), HasSubstr("damaged run store: " + file().string())) << value;
      EXPECT_LE(read.error().message().size(), 600U);
    }
  }
  put_bytes(sound);
  run_sql("UPDATE samples SET json = '{\"a' WHERE position = 1");
  EXPECT_THAT(said(content()),
              HasSubstr("run.db: samples.json of row 2: expected a JSON object, found \"{\"a\""));
  put_bytes(sound);
  EXPECT_EQ(content().value(), expected) << "a store without digests is read";
}

TEST_F(Damaged, CopiesGiveTheSameRowsOrAnError) {
  const std::string sound = bytes();
  const std::string expected = content().value();
  const char* wanted = std::getenv("HOLISAFE_DAMAGED_COPIES");
  const unsigned copies = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 1000U;
  constexpr std::size_t page = 4096;
  const std::size_t pages = sound.size() / page;
  unsigned refused = 0;
  for (unsigned seed = 0; seed < copies; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = sound;
    const std::size_t at = random() % damaged.size();
    const std::size_t first = random() % pages * page;
    switch (seed % 5) {
      case 0:
        damaged.replace(first, page, page, seed % 2 == 0 ? '\0' : '\xff');
        break;
      case 1:
        damaged.replace(first, page, sound, random() % pages * page, page);
        break;
      case 2:
        damaged.resize(at);
        break;
      default:
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    }
    put_bytes(damaged);
    const auto read = content();
    if (read) {
      ASSERT_EQ(*read, expected) << seed;
    } else {
      ++refused;
      EXPECT_THAT(read.error().message(), HasSubstr("run.db")) << seed;
      EXPECT_LE(read.error().message().size(), 600U) << seed;
    }
    fs::remove(file().string() + "-wal");
    fs::remove(file().string() + "-shm");
  }
  EXPECT_GT(refused, copies / 4);
}

TEST_F(Damaged, NoFileLeadsOutOfTheFolder) {
  const fs::path outside = run_.string() + "_outside";
  std::ofstream(outside) << "kept";
  for (const auto* ending : {"-wal", "-shm", "-journal"}) {
    fs::create_symlink(outside, file().string() + ending);
    for (const auto access : {Access::read, Access::write})
      EXPECT_THAT(RunStore::open(run_, access).error().message(), HasSubstr("expected a file, found a link"));
    fs::remove(file().string() + ending);
  }
  std::ofstream(file().string() + "-journal") << std::string(20, 'x') << "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  EXPECT_THAT(said(content()), HasSubstr("journal"));
  fs::remove(file().string() + "-journal");
  fs::rename(file(), run_.string() + "_moved");
  fs::create_symlink(run_.string() + "_moved", file());
  EXPECT_TRUE(content());
  EXPECT_FALSE(RunStore::open(run_, Access::write));
  EXPECT_EQ(fs::file_size(outside), 4U);
  fs::remove(outside);
  fs::remove(run_.string() + "_moved");
}

TEST_F(Damaged, WhatAKilledWriterLeftIsTakenAway) {
  std::ofstream(run_ / ".holisafe.123.0") << "half";
  std::ofstream(run_ / "notes") << "kept";
  EXPECT_TRUE(RunStore::open(run_, Access::read));
  EXPECT_TRUE(fs::exists(run_ / ".holisafe.123.0"));
  EXPECT_TRUE(RunStore::open(run_, Access::write));
  EXPECT_FALSE(fs::exists(run_ / ".holisafe.123.0"));
  EXPECT_TRUE(fs::exists(run_ / "notes"));
}

TEST_F(Damaged, AReaderNeedsNoRoom) {
  const auto files = [&] { return std::distance(fs::directory_iterator(run_), fs::directory_iterator()); };
  ASSERT_EQ(files(), 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit nothing{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &nothing);
    ::_exit(content() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(files(), 1);
}

}  // namespace
}  // namespace holisafe::store
