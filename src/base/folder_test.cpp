#include "base/folder.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/killed_at.h"

namespace holisafe {
std::atomic<int> killed_at{0};
}

namespace {

using holisafe::killed_at;

std::atomic<bool> can_exchange{true};
std::atomic<int> synced{0};

void step() {
  if (killed_at > 0 && --killed_at == 0) ::raise(SIGKILL);
}

}  // namespace

// In place of the C library's, for the code under test.
extern "C" {
int fsync(int file) {
  step();
  ++synced;
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int rename(const char* from, const char* to) noexcept {
  step();
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  step();
  if (!can_exchange && flags != 0) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int unlinkat(int folder, const char* name, int flags) noexcept {
  step();
  return static_cast<int>(::syscall(SYS_unlinkat, folder, name, flags));
}
int mkdir(const char* name, mode_t mode) noexcept {
  step();
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, name, mode));
}
}

namespace holisafe {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override {
    can_exchange = true;
    fs::remove_all(root_);
  }

  /// Two files, one in a folder of its own, that hold `text`.
  static Result<void> fill(const fs::path& folder, const std::string& text) {
    HOLISAFE_CHECK(make_folders(folder / "inner"));
    HOLISAFE_CHECK(write_file_atomic(folder / "a", text));
    std::ofstream(folder / "inner" / "b") << text;
    return {};
  }
  static Result<void> put(const fs::path& place, const std::string& text) {
    return replace_folder(place, [&](const fs::path& folder) { return fill(folder, text); });
  }

  /// What a folder holds: the text of all its files where it is whole, else what is wrong.
  static std::string held(const fs::path& place) {
    if (!fs::exists(place)) return "absent";
    const auto a = read_file(place / "a");
    const auto b = read_file(place / "inner" / "b");
    if (!a || !b || *a != *b) return "torn";
    return *a;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(root_)) out.push_back(entry.path().filename().string());
    return out;
  }

  /// Runs put() in a process that dies before its step `at`; whether it did.
  static bool dies(const fs::path& place, const std::string& text, int at) {
    const pid_t child = ::fork();
    if (child == 0) {
      killed_at = at;
      ::_exit(put(place, text) ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }

  fs::path root_ = fs::temp_directory_path() / ("holisafe_folder_" + std::to_string(::getpid()));
};

TEST_F(Folders, AreMadeAndReplaced) {
  const fs::path place = root_ / "deep" / "place";
  ASSERT_TRUE(put(place, "first"));
  EXPECT_EQ(held(place), "first");
  std::ofstream(place / "of the old one") << "x";
  ASSERT_TRUE(put(place / "", "second"));
  EXPECT_EQ(held(place), "second");
  EXPECT_FALSE(fs::exists(place / "of the old one"));
  EXPECT_EQ(std::distance(fs::directory_iterator(place.parent_path()), fs::directory_iterator()), 1);
}

TEST_F(Folders, MayHaveTheLongestNames) {
  for (const std::size_t size : {200U, 201U, 248U, 255U}) {
    const fs::path place = root_ / std::string(size, 'n');
    ASSERT_TRUE(put(place, "first")) << size;
    ASSERT_TRUE(put(place, "second")) << size;
    EXPECT_EQ(held(place), "second");
  }
  EXPECT_EQ(names().size(), 4U);
}

TEST_F(Folders, AreAsTheyWereAfterAnError) {
  const fs::path place = root_ / "place";
  const auto fails = [&] {
    return replace_folder(place, [&](const fs::path& folder) -> Result<void> {
      HOLISAFE_CHECK(fill(folder, "unfinished"));
      return fail(ErrorKind::out_of_space, "disk full");
    });
  };
  EXPECT_EQ(fails().error().kind, ErrorKind::out_of_space);
  EXPECT_TRUE(names().empty());
  ASSERT_TRUE(put(place, "first"));
  EXPECT_EQ(fails().error().kind, ErrorKind::out_of_space);
  EXPECT_EQ(held(place), "first");
  EXPECT_EQ(names(), std::vector<std::string>{"place"});
  std::ofstream(root_ / "file") << "x";
  EXPECT_EQ(put(root_ / "file", "second").error().kind, ErrorKind::not_a_file);
  EXPECT_EQ(read_file(root_ / "file").value(), "x");
}

TEST_F(Folders, EverythingIsSyncedBeforeTheNameIs) {
  synced = 0;
  ASSERT_TRUE(replace_folder(root_ / "place", [&](const fs::path& folder) -> Result<void> {
    std::ofstream(folder / "one") << "x";
    std::ofstream(folder / "two") << "y";
    return {};
  }));
  EXPECT_EQ(synced, 4) << "two files, their folder, and the one that holds its name";
}

TEST_F(Folders, AreWholeWheneverTheProcessDies) {
  const fs::path place = root_ / "place";
  int deaths = 0;
  for (; dies(place, "first", deaths + 1); ++deaths) {
    const std::string found = held(place);
    EXPECT_TRUE(found == "absent" || found == "first") << found << " at " << deaths + 1;
    fs::remove_all(place);
  }
  EXPECT_GT(deaths, 5);
  for (deaths = 0; dies(place, "second", deaths + 1); ++deaths) {
    const std::string found = held(place);
    EXPECT_TRUE(found == "first" || found == "second") << found << " at " << deaths + 1;
    ASSERT_TRUE(put(place, "first")) << "over what the dead one left";
    EXPECT_EQ(names(), std::vector<std::string>{"place"});
  }
  EXPECT_GT(deaths, 10);
  EXPECT_EQ(held(place), "second");
}

TEST_F(Folders, ComeBackWhereNamesCannotBeExchanged) {
  can_exchange = false;
  const fs::path place = root_ / "place";
  ASSERT_TRUE(put(place, "first"));
  ASSERT_TRUE(put(place, "first"));
  int deaths = 0;
  for (; dies(place, "second", deaths + 1); ++deaths) {
    const std::string found = held(fs::exists(place) ? place : root_ / ".place.old");
    EXPECT_TRUE(found == "first" || found == "second") << found << " at " << deaths + 1;
    ASSERT_FALSE(replace_folder(place, [](const fs::path&) { return fail(ErrorKind::io, "no disk"); }));
    EXPECT_EQ(held(place), found) << "an error leaves what the dead process left";
    ASSERT_TRUE(put(place, "first"));
    EXPECT_EQ(names(), std::vector<std::string>{"place"});
  }
  EXPECT_EQ(held(place), "second");
}

}  // namespace
}  // namespace holisafe
