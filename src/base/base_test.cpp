#include <algorithm>
#include <cstdint>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/result.h"
#include "base/text.h"

namespace holisafe {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_base_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "root" / "inner");
    std::ofstream(folder_ / "secret") << "secret";
    std::ofstream(folder_ / "root" / "inner" / "a.txt") << "hello";
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST(Error, MessageIsOneLine) {
  const Error error{ErrorKind::malformed, "bad\nthing", "file.json", "expected a, found \x1b[2J"};
  EXPECT_EQ(error.message(), "bad\\nthing: file.json: expected a, found \\x1b[2J");
  EXPECT_EQ((Error{ErrorKind::io, "x", "", "y"}).message(), "x: y");
  EXPECT_EQ(one_line("a\x7f\xc2\x9b\x33\xe2\x80\xae\xc3\xa9\xff\t"), "a\\x7f\\u009b3\\u202e\xc3\xa9\\xff\\t");
  EXPECT_EQ(name(ErrorKind::outside_root), "outside_root");
}

TEST(Error, MessageIsShortWhateverItQuotes) {
  const std::string shape(24'000'000, '1');
  const Error error{ErrorKind::mismatch, "bad file", "/models/a.safetensors: w", "found " + shape + " at 7"};
  EXPECT_LE(error.message().size(), 580U);
  EXPECT_GE(error.message().size(), 570U);
  EXPECT_EQ(error.message().rfind("bad file: /models/a.safetensors: w: found 111", 0), 0U);
  EXPECT_EQ(error.message().substr(error.message().size() - 5), " at 7");
  // Every part is long, of characters of three bytes: none is cut in two.
  std::string euros;
  for (int i = 0; i < 1'000; ++i) euros += "€";
  const std::string all = Error{ErrorKind::io, euros, "x" + euros, "xy" + euros}.message();
  EXPECT_LE(all.size(), 580U);
  EXPECT_TRUE(is_utf8(all));
  EXPECT_EQ(std::count(all.begin(), all.end(), ':'), 2);
}

TEST(Checked, NothingWraps) {
  EXPECT_EQ(checked_add<std::uint64_t>(1, 2), 3U);
  EXPECT_FALSE(checked_add<std::uint64_t>(UINT64_MAX, 1));
  EXPECT_FALSE(checked_multiply<std::int64_t>(INT64_MAX, 2));
  const std::int64_t huge[] = {INT64_MAX, 2, 0};
  EXPECT_FALSE(checked_product<std::int64_t>(huge));
  EXPECT_FALSE((checked_cast<std::uint8_t>(256)));
  EXPECT_FALSE((checked_cast<std::uint32_t>(-1)));
}

TEST_F(Files, ReadsAndMapsTheSameBytes) {
  const auto path = folder_ / "root" / "inner" / "a.txt";
  EXPECT_EQ(read_file(path).value(), "hello");
  EXPECT_EQ(MappedFile::open(path).value().text(), "hello");
  EXPECT_EQ(read_file(path, 4).error().kind, ErrorKind::too_large);
}

TEST_F(Files, NamesWhatCannotBeRead) {
  EXPECT_EQ(read_file(folder_ / "none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_file(folder_).error().kind, ErrorKind::not_a_file);
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(folder_ / "pipe").error().kind, ErrorKind::not_a_file);
}

TEST_F(Files, AtomicWriteReplacesAndLeavesNothingBehindOnFailure) {
  const auto path = folder_ / "out.txt";
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  const auto failed = write_file_atomic(path, [](const WritePiece& piece) -> Result<void> {
    HOLISAFE_CHECK(piece("half"));
    return fail(ErrorKind::interrupted, "stopped");
  });
  EXPECT_EQ(failed.error().kind, ErrorKind::interrupted);
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 3);
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST_F(Files, ModesAreTheUsersOwn) {
  const auto path = folder_ / "out.txt";
  const mode_t before = ::umask(077);
  ASSERT_TRUE(write_file_atomic(path, "one"));
  EXPECT_EQ(mode_of(path), 0600U);
  ::umask(022);
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(mode_of(path), 0600U) << "as it was";
  ASSERT_TRUE(write_file_atomic(folder_ / "new.txt", "x"));
  EXPECT_EQ(mode_of(folder_ / "new.txt"), 0644U);
  ::umask(before);
}

TEST_F(Files, LinksAreFollowedWhereTheUserNamesThem) {
  const auto target = folder_ / "target.txt";
  const auto link = folder_ / "link.txt";
  fs::create_symlink("target.txt", link);  // leads to nothing yet
  ASSERT_TRUE(write_named_file(link, "one"));
  ASSERT_TRUE(write_named_file(link, "two"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_file(target).value(), "two");
  ASSERT_TRUE(write_file_atomic(link, "three"));
  EXPECT_FALSE(fs::is_symlink(link));
  EXPECT_EQ(read_file(target).value(), "two");
}

TEST_F(Files, DevicesAndPipesAreWrittenToInPlace) {
  fs::create_symlink("/dev/null", folder_ / "null");
  EXPECT_TRUE(write_named_file("/dev/null", "x"));
  EXPECT_TRUE(write_named_file(folder_ / "null", "x"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "null"));
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(write_named_file(pipe, "through"));
  char bytes[16];
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 7);
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST_F(Files, WhatAnotherHasOpenIsWrittenToInPlace) {
  const auto path = folder_ / "open.txt";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ASSERT_EQ(::write(file, "one ", 4), 4);
  fs::create_symlink("/proc/self/fd/" + std::to_string(file), folder_ / "stdout");
  ASSERT_TRUE(write_named_file(folder_ / "stdout", "two "));
  ASSERT_EQ(::write(file, "three", 5), 5);
  ::close(file);
  EXPECT_EQ(read_file(path).value(), "one two three");
}

TEST_F(Files, NamesMayBeAsLongAsTheSystemTakesThem) {
  const auto path = folder_ / std::string(255, 'n');
  ASSERT_TRUE(write_file_atomic(path, "one"));
  ASSERT_TRUE(write_file_atomic(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_EQ(write_file_atomic(folder_ / "none" / "x", "x").error().kind, ErrorKind::not_found);
  EXPECT_EQ(write_file_atomic(folder_ / "root", "x").error().kind, ErrorKind::not_a_file);
}

TEST_F(Files, NothingIsLeftOfAWriterThatIsKilled) {
  const int nameless = ::open(folder_.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (nameless < 0) GTEST_SKIP() << "this file system has no files without names";
  ::close(nameless);
  const auto before = std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  const pid_t child = ::fork();
  if (child == 0) {
    static_cast<void>(write_file_atomic(folder_ / "out.txt", [](const WritePiece& piece) {
      static_cast<void>(piece("half"));
      ::_exit(0);
      return Result<void>();
    }));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), before);
}

TEST_F(Files, ReleasedPagesAreReadAgain) {
  const auto path = folder_ / "pages";
  const std::string bytes(50'000, 'x');
  ASSERT_TRUE(write_file_atomic(path, bytes));
  const auto file = MappedFile::open(path).value();
  EXPECT_EQ(file.text(), bytes);
  release_pages(file.bytes().subspan(1));
  release_pages({});
  EXPECT_EQ(file.text(), bytes);
}

TEST_F(Files, PathsStayBeneathTheirRoot) {
  const auto root = folder_ / "root";
  EXPECT_TRUE(resolve_beneath(root, "inner/a.txt"));
  EXPECT_EQ(resolve_beneath(root, "../secret").error().kind, ErrorKind::outside_root);
  EXPECT_EQ(resolve_beneath(root, "/etc/passwd").error().kind, ErrorKind::outside_root);
  fs::create_symlink(folder_ / "secret", root / "link");
  EXPECT_EQ(resolve_beneath(root, "link").value(), fs::canonical(folder_ / "secret"))
      << "as a download's links lead into the store beside it";
  fs::create_symlink(folder_ / "no such", root / "nowhere");
  EXPECT_EQ(resolve_beneath(root, "nowhere").error().kind, ErrorKind::not_found);
  fs::create_symlink("/dev/null", root / "device");
  EXPECT_EQ(resolve_beneath(root, "device").error().kind, ErrorKind::not_a_file);
  EXPECT_EQ(resolve_beneath(root, "inner/../../secret").error().kind, ErrorKind::outside_root);
  fs::create_symlink(root / "inner", root / "folder");
  EXPECT_TRUE(resolve_beneath(root, "folder/a.txt"));
  EXPECT_EQ(resolve_beneath(root, "none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(resolve_beneath(root, "inner").error().kind, ErrorKind::not_a_file);
}

}  // namespace
}  // namespace holisafe
