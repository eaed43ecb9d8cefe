#include "moderation/sort.h"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "moderation/made_run.h"
#include "moderation/move_log.h"
#include "moderation/names.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(FolderName, IsOneFolderWhateverItHolds) {
  EXPECT_EQ(folder_name("hate"), "hate");
  EXPECT_EQ(folder_name("../../etc"), "_._.._etc");
  EXPECT_EQ(folder_name("/"), "_");
  EXPECT_EQ(folder_name(".."), "_.");
  EXPECT_EQ(folder_name(""), "_");
  EXPECT_EQ(folder_name("moves.jsonl"), "moves.jsonl_");
  for (const char* hostile : {"a\nb", "a\x1b[2Jb", "a\xff", "a\xe2\x80\xae"}) {
    const std::string name = folder_name(hostile);
    EXPECT_EQ(name.find_first_of("/\n\x1b\xff"), std::string::npos) << name;
    EXPECT_EQ(name.find("\xe2\x80\xae"), std::string::npos);
  }
  EXPECT_LE(folder_name(std::string(1000, 'x')).size(), 255U);
}

TEST(NumberedName, KeepsTheEndingAndFits) {
  EXPECT_EQ(numbered_name("photo.jpg", 1), "photo.jpg");
  EXPECT_EQ(numbered_name("photo.jpg", 2), "photo-2.jpg");
  EXPECT_EQ(numbered_name("photo", 3), "photo-3");
  EXPECT_EQ(numbered_name(".jpg", 2), ".jpg-2");
  const std::string name = numbered_name(std::string(251, 'x') + ".jpg", 2);
  EXPECT_EQ(name.size(), 255U);
  EXPECT_TRUE(name.ends_with("x-2.jpg"));
}

/// What is below a folder: bytes, mode and time of files, where links lead.
std::map<std::string, std::string> tree_of(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    struct stat status {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &status), 0);
    std::string what =
        fmt::format("{:o} {}.{}", status.st_mode, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (entry.is_symlink()) what = "-> " + fs::read_symlink(entry.path()).string();
    if (!entry.is_symlink() && entry.is_regular_file()) what += " " + read_file(entry.path()).value();
    out[name] = what;
  }
  return out;
}

class Sort : public MadeRun {
 protected:
  void SetUp() override {
    MadeRun::SetUp();
    add("tree/a.png", "one", 16, 0.75);
    add("tree/deep/a.png", "two", 13, 0.9);
    add("tree/deep/b.png", "three", 1, 0.9);
    add("tree/c.png", "four", 1, 0.1);
    add_broken("tree/d.png", "five");
    fs::permissions(root() / "tree/c.png", fs::perms::owner_read);
    fs::last_write_time(root() / "tree/deep", fs::file_time_type(std::chrono::seconds(1'000'000)));
  }

  Result<SortCounts> sort(const SortOptions& options, const std::string& run = "run") {
    stays_.clear();
    const auto store = verdicts::GuardStore::open(root() / run, store::Access::read);
    return sort_run(*store, options, on_stay(), nullptr, stop_);
  }
  Result<UndoCounts> undo() {
    stays_.clear();
    return undo_sort(to(), on_stay(), stop_);
  }
  OnStay on_stay() {
    return [this](const Error& error) { stays_.push_back(error.message()); };
  }
  [[nodiscard]] fs::path to() const { return root() / "new/sorted"; }
  [[nodiscard]] std::map<std::string, std::string> before() const { return tree_of(root() / "tree"); }

  std::vector<std::string> stays_;
  StopFlag stop_;
};

TEST_F(Sort, LinksByCategoryAndBack) {
  made();
  const auto tree = before();
  const auto counts = sort({to(), SortBy::category});
  ASSERT_TRUE(counts) << counts.error().message();
  EXPECT_THAT(counts->folders, ElementsAre(Pair("hate", 1U), Pair("safe", 1U), Pair("violence", 2U)));
  EXPECT_EQ(counts->unjudged, 1U);
  EXPECT_EQ(read_file(to() / "violence/a.png").value(), "one");
  EXPECT_EQ(read_file(to() / "violence/a-2.png").value(), "two");
  EXPECT_TRUE(fs::is_symlink(to() / "violence/a-2.png"));
  EXPECT_EQ(before(), tree);
  // The same again does nothing.
  const auto again = sort({to(), SortBy::category});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->placed(), 0U);
  EXPECT_EQ(again->before, 4U);
  EXPECT_FALSE(fs::exists(to() / "violence/a-3.png"));
  ASSERT_TRUE(undo());
  EXPECT_FALSE(fs::exists(root() / "new"));
  EXPECT_EQ(before(), tree);
}

TEST_F(Sort, MovesByDecisionAndBack) {
  made();
  const auto tree = before();
  const auto counts = sort({to(), SortBy::decision, Placing::move, true});
  ASSERT_TRUE(counts);
  EXPECT_THAT(counts->folders, ElementsAre(Pair("flagged", 3U)));
  EXPECT_EQ(before().size(), tree.size() - 3);
  const auto undone = undo();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->moved_back, 3U);
  EXPECT_EQ(before(), tree);
}

TEST_F(Sort, CopiesKeepModeAndTime) {
  made();
  ASSERT_TRUE(sort({to(), SortBy::subcategory, Placing::copy}));
  const auto copied = tree_of(to());
  EXPECT_EQ(copied.at("safe/c.png"), before().at("c.png"));
  EXPECT_EQ(copied.at("gender/b.png"), before().at("deep/b.png"));
  // A copy that somebody changed stays, and is named.
  std::ofstream(to() / "gender/b.png") << "changed";
  const auto undone = undo();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->removed, 3U);
  EXPECT_EQ(undone->problems, 1U);
  EXPECT_THAT(stays_, ElementsAre(HasSubstr("gender/b.png: the copy was changed")));
  EXPECT_TRUE(fs::exists(to() / "moves.jsonl"));
  fs::remove(to() / "gender/b.png");
  ASSERT_TRUE(undo());
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(Sort, FilesThatAreNotWhatWasJudgedStayAndAreNamed) {
  made();
  std::ofstream(root() / "tree/a.png") << "another";
  fs::remove(root() / "tree/deep/a.png");
  const auto counts = sort({to(), SortBy::category, Placing::move});
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->problems, 2U);
  EXPECT_EQ(counts->placed(), 2U);
  EXPECT_THAT(stays_, UnorderedElementsAre(HasSubstr("tree/a.png: changed since it was judged"),
                                           HasSubstr("tree/deep/a.png: No such file")));
  EXPECT_EQ(read_file(root() / "tree/a.png").value(), "another");
}

TEST_F(Sort, LinksAreNotMoved) {
  add("elsewhere/x.png", "six", 1, 0.9);
  fs::create_symlink(root() / "elsewhere/x.png", root() / "tree/link.png");
  add("tree/link.png", "six", 1, 0.9);  // writes the file anew
  fs::remove(root() / "tree/link.png");
  fs::create_symlink(root() / "elsewhere/x.png", root() / "tree/link.png");
  made();
  ASSERT_TRUE(sort({to(), SortBy::category, Placing::move}));
  EXPECT_THAT(stays_, ElementsAre(HasSubstr("expected a file to move, found a link")));
  EXPECT_TRUE(fs::is_symlink(root() / "tree/link.png"));
}

TEST_F(Sort, NothingIsOverwritten) {
  made();
  fs::create_directories(to() / "violence");
  std::ofstream(to() / "violence/a.png") << "mine";
  fs::create_symlink("nowhere", to() / "violence/a-2.png");
  ASSERT_TRUE(sort({to(), SortBy::category, Placing::move}));
  EXPECT_EQ(read_file(to() / "violence/a.png").value(), "mine");
  EXPECT_EQ(read_file(to() / "violence/a-3.png").value(), "one");
  EXPECT_EQ(read_file(to() / "violence/a-4.png").value(), "two");
  ASSERT_TRUE(undo());
  EXPECT_THAT(tree_of(to()).size(), 3U);  // the folder, and what was in it
  EXPECT_EQ(read_file(to() / "violence/a.png").value(), "mine");
}

TEST_F(Sort, AnotherSortIntoTheSameFolderIsRefused) {
  made();
  ASSERT_TRUE(sort({to(), SortBy::category}));
  const auto other = sort({to(), SortBy::decision});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(other.error().message(), HasSubstr("--by decision --link"));
  EXPECT_THAT(other.error().message(), HasSubstr("--undo"));
  const auto nothing = undo_sort(root(), on_stay(), stop_);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::not_found);
}

TEST_F(Sort, UndoReplacesNothing) {
  made();
  ASSERT_TRUE(sort({to(), SortBy::category, Placing::move}));
  std::ofstream(root() / "tree/a.png") << "somebody's";
  const auto undone = undo();
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->problems, 1U);
  EXPECT_EQ(undone->moved_back, 3U);
  EXPECT_EQ(read_file(root() / "tree/a.png").value(), "somebody's");
  EXPECT_EQ(read_file(to() / "violence/a.png").value(), "one");
  fs::remove(root() / "tree/a.png");
  ASSERT_TRUE(undo());
  EXPECT_EQ(read_file(root() / "tree/a.png").value(), "one");
  EXPECT_FALSE(fs::exists(root() / "new"));
}

/// Cuts the list of moves as a kill would have, and goes on from there.
class Killed : public Sort, public testing::WithParamInterface<Placing> {};

TEST_P(Killed, AnywhereInTheListGoesOnAndBack) {
  made();
  const auto tree = before();
  const SortOptions options{to(), SortBy::category, GetParam()};
  ASSERT_TRUE(sort(options));
  const auto sorted = tree_of(to());
  const std::string log = read_file(to() / "moves.jsonl").value();
  ASSERT_TRUE(undo());
  // As far as it was written nothing of it is done, then the first of its moves, then all.
  for (std::size_t cut = 1; cut <= log.size(); cut += 29) {
    for (const bool first_done : {false, true}) {
      fs::create_directories(to() / "violence");
      std::ofstream(to() / "moves.jsonl") << log.substr(0, cut);
      const bool done = first_done && cut > log.find("violence/a.png\"") + 80;
      if (done && GetParam() == Placing::move) fs::rename(root() / "tree/a.png", to() / "violence/a.png");
      if (done && GetParam() == Placing::link)
        fs::create_symlink(root() / "tree/a.png", to() / "violence/a.png");
      if (done && GetParam() == Placing::copy) {
        ASSERT_TRUE(copy_to(root() / "tree/a.png", to() / "violence/a.png"));
      }
      const bool go_on = cut % 2 == 0;
      if (go_on) {
        const auto counts = sort(options);
        ASSERT_TRUE(counts) << counts.error().message();
        EXPECT_THAT(stays_, testing::IsEmpty());
        EXPECT_EQ(tree_of(to() / "violence").size(), 2U) << log.substr(0, cut);
      }
      if (!go_on && log.substr(0, cut).find('\n') == std::string::npos) {
        fs::remove_all(root() / "new");
        continue;
      }
      const auto undone = undo();
      ASSERT_TRUE(undone) << undone.error().message() << log.substr(0, cut);
      EXPECT_EQ(undone->problems, 0U) << stays_.front() << log.substr(0, cut);
      EXPECT_EQ(before(), tree) << cut;
      fs::remove_all(root() / "new");
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_P(Killed, BeforeTheFolderIsThereItsListIsLeftAndTakenUp) {
  made();
  const SortOptions options{to(), SortBy::category, GetParam()};
  ASSERT_TRUE(sort(options));
  ASSERT_TRUE(undo());
  ASSERT_FALSE(fs::exists(root() / "new"));
  std::set<std::string> before;
  for (const auto& entry : fs::directory_iterator(root())) before.insert(entry.path().filename());
  const std::string hidden = ".sorting-" + hex(sha256("new")).substr(0, 16);
  fs::create_directories(root() / hidden / "sorted");
  std::ofstream(root() / hidden / "sorted/moves.jsonl") << "{\"format\":\"holisafe-mo";
  ASSERT_TRUE(sort(options));
  EXPECT_FALSE(fs::exists(root() / hidden));
  ASSERT_TRUE(undo());
  std::set<std::string> after;
  for (const auto& entry : fs::directory_iterator(root())) after.insert(entry.path().filename());
  EXPECT_EQ(after, before);
}

TEST_P(Killed, AFolderThatWasThereStays) {
  made();
  fs::create_directories(to());
  ASSERT_TRUE(sort({to(), SortBy::category, GetParam()}));
  ASSERT_TRUE(undo());
  EXPECT_TRUE(fs::is_empty(to()));
}

INSTANTIATE_TEST_SUITE_P(Ways, Killed, testing::Values(Placing::link, Placing::copy, Placing::move),
                         [](const auto& way) { return std::string(name(way.param)); });

TEST_F(Sort, AListThatLeadsOutOfItsFolderIsRefused) {
  made();
  ASSERT_TRUE(sort({to(), SortBy::category, Placing::move}));
  std::ofstream(to() / "moves.jsonl", std::ios::app)
      << "{\"from\":\"/tmp/x\",\"to\":\"../../tree/c.png\",\"bytes\":1,\"modified\":1}\n";
  const auto undone = undo();
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().kind, ErrorKind::malformed);
  EXPECT_THAT(undone.error().message(), HasSubstr("stay in the folder"));
}

TEST_F(Sort, OneAtATime) {
  const auto store = made();
  fs::create_directories(to());
  const auto log = MoveLog::open_or_make(to(), {"/run", "category", Placing::link, false});
  ASSERT_TRUE(log);
  const auto other = sort({to(), SortBy::category});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::permission);
}

TEST_F(Sort, APlanDoesNothing) {
  const auto store = made();
  std::vector<std::string> planned;
  const auto counts = plan_sort(
      store, {to(), SortBy::category, Placing::move, true}, on_stay(),
      [&](const std::string&, const std::string& name) { planned.push_back(fs::path(name).filename()); });
  ASSERT_TRUE(counts);
  EXPECT_THAT(planned, ElementsAre("a.png", "a-2.png", "b.png"));
  EXPECT_FALSE(fs::exists(root() / "new"));
}

TEST_F(Sort, AMoveOntoAnotherFileSystemIsACopyThenARemoval) {
  const fs::path other = fs::path("/dev/shm") / fmt::format("moderation_test_{}", ::getpid());
  struct stat here {};
  struct stat there {};
  if (::stat("/dev/shm", &there) != 0 || ::stat(root().c_str(), &here) != 0 || here.st_dev == there.st_dev)
    GTEST_SKIP() << "no other file system";
  made();
  const auto tree = before();
  ASSERT_TRUE(sort({other, SortBy::category, Placing::move}));
  EXPECT_EQ(tree_of(other).at("safe/c.png"), tree.at("c.png"));
  EXPECT_FALSE(fs::exists(root() / "tree/c.png"));
  // Killed between copy and removal: both are there.
  ASSERT_TRUE(copy_to(other / "safe/c.png", root() / "tree/c.png"));
  const auto undone = undo_sort(other, on_stay(), stop_);
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->moved_back, 4U);
  EXPECT_EQ(before(), tree);
  EXPECT_FALSE(fs::exists(other));
}

}  // namespace
}  // namespace holisafe::moderation
