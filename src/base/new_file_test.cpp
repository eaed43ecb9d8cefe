// What is left of files whose writers are killed.
#include "base/new_file.h"

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/killed_at.h"

namespace holisafe {
namespace {

namespace fs = std::filesystem;

class NewFiles : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_ = fs::temp_directory_path() / ("holisafe_new_file_" + std::to_string(::getpid()));
};

std::vector<std::string> hidden_files(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(new_file_prefix)) out.push_back(name);
  }
  return out;
}

/// A process that writes to a file and is killed before its step `at`; whether it was.
bool dies_at(const fs::path& path, int at) {
  const pid_t child = ::fork();
  if (child == 0) {
    killed_at = at;
    ::_exit(write_file_atomic(path, "of the killed") ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

/// One that is killed just as its new file would take the place of the old one: fsync() is the step before.
void kill_at_rename(const fs::path& path) { ASSERT_TRUE(dies_at(path, 2)); }

TEST_F(NewFiles, AreOldOrNewWheneverTheWriterIsKilled) {
  const auto path = folder_ / "out.txt";
  int at = 1;
  do {
    ASSERT_TRUE(write_file_atomic(path, "old"));
    EXPECT_EQ(hidden_files(folder_).size(), 0U) << at;
    if (!dies_at(path, at)) break;
    const std::string found = read_file(path).value();
    EXPECT_TRUE(found == "old" || found == "of the killed") << found;
  } while (++at < 100);
  EXPECT_GT(at, 2);
}

TEST_F(NewFiles, TheNextWriteTakesAwayWhatAKilledOneLeft) {
  const auto path = folder_ / "out.txt";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  kill_at_rename(path);
  kill_at_rename(path);
  EXPECT_EQ(hidden_files(folder_).size(), 1U) << "the second took the first one's away";
  EXPECT_EQ(read_file(path).value(), "one");
  ASSERT_TRUE(write_file_atomic(folder_ / "other.txt", "x"));
  EXPECT_EQ(hidden_files(folder_).size(), 1U);
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(hidden_files(folder_).size(), 0U);
  kill_at_rename(path);
  fs::remove(path);
  ASSERT_TRUE(write_file_atomic(path, "three"));
  EXPECT_EQ(hidden_files(folder_).size(), 0U);
  EXPECT_EQ(read_file(path).value(), "three");
}

TEST_F(NewFiles, WhatALivingWriterHoldsStays) {
  const auto path = folder_ / "out.txt";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  kill_at_rename(path);
  const fs::path hidden = folder_ / hidden_files(folder_).front();
  const int held = ::open(hidden.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_TRUE(fs::exists(hidden));
  ::close(held);
  ASSERT_TRUE(write_file_atomic(path, "three"));
  EXPECT_EQ(hidden_files(folder_).size(), 0U);
}

TEST_F(NewFiles, LinksThatStandWhereAHiddenNameWouldAreNotFollowed) {
  const auto path = folder_ / "out.txt";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  kill_at_rename(path);
  const fs::path hidden = folder_ / hidden_files(folder_).front();
  fs::remove(hidden);
  std::ofstream(folder_ / "secret") << "secret";
  fs::create_symlink(folder_ / "secret", hidden);
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_TRUE(fs::is_symlink(hidden));
  EXPECT_EQ(read_file(folder_ / "secret").value(), "secret");
  EXPECT_EQ(read_file(path).value(), "two");
}

TEST_F(NewFiles, ManyMayWriteOneFile) {
  const auto path = folder_ / "out.txt";
  std::vector<std::thread> writers;
  std::atomic<int> failed{0};
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) {
        if (!write_file_atomic(path, std::string(1000, static_cast<char>('a' + i)))) ++failed;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(hidden_files(folder_).size(), 0U);
  const std::string found = read_file(path).value();
  EXPECT_EQ(found, std::string(1000, found.front()));
}

}  // namespace
}  // namespace holisafe
