// A build's folder: by whom it is opened, what it is made from, and what is refused.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "construction/made_work.h"
#include "construction/work.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using store::Access;
using testing::HasSubstr;

TEST_F(WorkFolder, AnIdentityIsRememberedAndMayGrow) {
  Work work = open();
  ASSERT_TRUE(work.require_same("build", {{"sources", "a"}}));
  ASSERT_TRUE(work.require_same("build", {{"seed", "1"}}));
  ASSERT_TRUE(work.require_same("build", {{"sources", "a"}, {"seed", "1"}}));
  const auto other = work.require_same("build", {{"sources", "a"}, {"seed", "2"}});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(), HasSubstr("seed: expected \"1\", found \"2\""));
  EXPECT_TRUE(work.check_same("build", {{"types", "SSS"}}));
}

TEST_F(WorkFolder, ATemporaryOneLeavesNothing) {
  Work work = Work::temporary().value();
  for (std::int64_t i = 0; i < 3000; ++i) {
    const Look look{i, "f", std::string(5000, 's')};
    ASSERT_TRUE(work.write(std::span(&look, 1)));
  }
  EXPECT_EQ(work.look(2999).value()->sketch.size(), 5000);
  std::size_t unnamed = 0;  // what SQLite has written to, beyond what it holds
  for (const auto& open_file : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // of the folder that is read here
    const std::string name = fs::read_symlink(open_file, gone).string();
    if (name.find("etilqs_") == std::string::npos) continue;
    EXPECT_THAT(name, testing::EndsWith(" (deleted)"));
    ++unnamed;
  }
  EXPECT_GE(unnamed, 1U);
}

TEST_F(WorkFolder, OnlyOneWritesAndReadersSeeWhatWasCommitted) {
  Work work = open();
  EXPECT_THAT(refusal(Access::write), HasSubstr("run in use"));
  const ImageRow image = full_image(0);
  ASSERT_TRUE(work.write(std::span(&image, 1)));
  EXPECT_TRUE(open(Access::read).image(0).value());
}

TEST_F(WorkFolder, OthersFoldersAndTablesAreRefused) {
  EXPECT_THAT(refusal(), HasSubstr("no build"));
  {
    Work work = open();
    const ImageRow image = full_image(0);
    ASSERT_TRUE(work.write(std::span(&image, 1)));
  }
  EXPECT_EQ(refusal(), "");
  by_hand("CREATE TRIGGER more AFTER INSERT ON pairs BEGIN DELETE FROM images; END");
  EXPECT_THAT(refusal(), HasSubstr("trigger more"));
  by_hand("DROP TRIGGER more; PRAGMA user_version = 2");
  EXPECT_THAT(refusal(), HasSubstr("expected version 1, found 2"));
  by_hand("PRAGMA user_version = 1; DROP INDEX pairs_by_cell");
  EXPECT_THAT(refusal(), HasSubstr("pairs_by_cell"));
  fs::remove_all(folder_);
  fs::create_directories(folder_);
  std::ofstream(folder_ / "run.db") << "";
  EXPECT_THAT(refusal(Access::write), HasSubstr("found a run's"));
}

TEST_F(WorkFolder, ValuesThatAreNeverWrittenAreNamed) {
  for (const auto& [sql, named] : std::initializer_list<std::pair<const char*, const char*>>{
           {"UPDATE images SET state = 'odd'", "images.state"},
           {"UPDATE images SET label = 20", "images.label"},
           {"UPDATE images SET votes = '[[1,2]]'", "images.votes"},
           {"UPDATE images SET votes = '[[[[['", "images.votes"},
           {"UPDATE images SET sha256 = 'A'", "images.sha256"},
           {"UPDATE images SET path = 'text'", "images.path"},
           {"UPDATE images SET cluster = -1", "images.cluster"},
           {"UPDATE images SET side = 'left'", "images.side"},
           {"UPDATE pairs SET type = 'SUS'", "pairs.type"},
           {"UPDATE pairs SET subcategory = 20", "pairs.subcategory"},
           {"UPDATE pairs SET decision = 'maybe'", "pairs.decision"},
           {"UPDATE pairs SET brought = 2", "pairs.brought"},
           {"UPDATE pairs SET place = 'text'", "pairs.place"},
           {"UPDATE replies SET kind = 'odd'", "replies.kind"},
           {"UPDATE replies SET step = 'odd'", "replies.step"},
           {"UPDATE batches SET keys = '[\"a\"]'", "batches.keys"},
           {"UPDATE totals SET count = 'x'", "totals.count"}}) {
    SetUp();
    {
      Work work = open();
      const ImageRow image = full_image(0);
      const PairRow pair = full_pair(0, 0);
      ASSERT_TRUE(work.keep(std::vector{reply(0, Step::write, KeptReply::Kind::sound)}, std::span(&pair, 1),
                            std::span(&image, 1)));
      ASSERT_TRUE(work.add_batch("a", {"b", {1}}));
    }
    by_hand(sql);
    const Work work = open(Access::read);
    const auto nothing = [](const auto&) { return Result<void>(); };
    std::string said;
    const auto note = [&](const auto& result) {
      if (!result) said += result.error().message();
    };
    note(work.for_each_image(nothing));
    note(work.for_each_pair({}, nothing));
    note(work.replies_of_pair(0));
    note(work.open_batches("a"));
    note(work.totals());
    EXPECT_THAT(said, testing::AllOf(HasSubstr("damaged run store"), HasSubstr(named))) << sql;
  }
}

}  // namespace
}  // namespace holisafe::construction
