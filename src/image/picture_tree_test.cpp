#include "image/picture_tree.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holisafe::image {
namespace {

namespace fs = std::filesystem;

class PictureTrees : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_tree_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(const std::string& name, const std::string& content = "x") {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
  }
  /// Paths below the folder, errors with their kind behind.
  std::vector<std::string> all(PictureTree& tree) {
    std::vector<std::string> out;
    while (const auto found = tree.next()) {
      std::string line = fs::path(found->path).lexically_relative(folder_).string();
      if (found->error) line += " " + std::string(name(found->error->kind));
      out.push_back(std::move(line));
    }
    return out;
  }
  std::vector<std::string> all() {
    PictureTree tree(folder_.string());
    return all(tree);
  }
  fs::path folder_;
};

using Lines = std::vector<std::string>;

TEST_F(PictureTrees, OrderIsThatOfThePathsBytes) {
  const Lines names{"a-1.png", "a.png", "a/b.png", "a/b/c.png", "a0.png", "z.JPEG"};
  for (const auto& each : {"z.JPEG", "a/b/c.png", "a.png", "a0.png", "a/b.png", "a-1.png"}) put(each);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(all(), names);
}

TEST_F(PictureTrees, IsWalkedWhileItIsAskedFor) {
  put("a/1.png");
  put("b/1.png");
  PictureTree tree(folder_.string());
  EXPECT_EQ(fs::path(tree.next()->path).filename(), "1.png");
  put("b/2.png");  // not there when the first was given
  fs::remove_all(folder_ / "a");
  EXPECT_EQ(all(tree), (Lines{"b/1.png", "b/2.png"}));
}

TEST_F(PictureTrees, AFolderThatCannotBeReadIsOneErrorAndTheRestGoesOn) {
  put("a.png");
  put("b/1.png");
  put("c.png");
  PictureTree tree(folder_.string());
  EXPECT_FALSE(tree.next()->error);
  fs::remove_all(folder_ / "b");
  EXPECT_EQ(all(tree), (Lines{"b not_found", "c.png"}));
}

TEST_F(PictureTrees, NoPictureIsPassedOver) {
  put("a.heic");
  put("b.NEF");
  put("bitmap", std::string("BM????????????\x28\0\0\0", 18));
  put("notes.txt");
  put("page.html", "<html><svg></svg></html>");
  put("photo", std::string("\0\0\0\x18"
                           "ftypheic",
                           12));
  put("word", "BMI is no picture, whatever its first letters");
  fs::create_symlink("nowhere", folder_ / "gone.png");
  fs::create_symlink("nowhere", folder_ / "gone.txt");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(all(), (Lines{"a.heic", "b.NEF", "bitmap", "gone.png", "photo"}));
}

TEST_F(PictureTrees, LinksToFoldersAreFollowedOnceAndFoldersOfTheTreeKeepTheirNames) {
  put("tree/real/1.png");
  put("elsewhere/2.png");
  const fs::path tree = folder_ / "tree";
  fs::create_directory_symlink(tree, tree / "real/up");
  fs::create_directory_symlink("real", tree / "also");
  fs::create_directory_symlink("../elsewhere", tree / "out");
  fs::create_directory_symlink("../elsewhere", tree / "out2");
  fs::create_directory_symlink("../tree", folder_ / "elsewhere/back");
  PictureTree walked(tree.string());
  EXPECT_EQ(all(walked), (Lines{"tree/out/2.png", "tree/real/1.png"}));
}

TEST_F(PictureTrees, WhatCannotBeToldIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  put("a.png");
  put("photo");
  put("z/b.png");
  put("locked/1.png");
  fs::create_directory_symlink("../locked/deeper", folder_ / "z/into");
  fs::create_directory(folder_ / "locked/deeper");
  fs::permissions(folder_ / "photo", fs::perms::none);
  fs::permissions(folder_ / "locked", fs::perms::none);
  const Lines found = all();
  fs::permissions(folder_ / "locked", fs::perms::owner_all);
  EXPECT_EQ(found, (Lines{"a.png", "locked permission", "photo permission", "z/b.png", "z/into permission"}));
}

TEST_F(PictureTrees, PathsLongerThanTheSystemTakesAreAnError) {
  const std::string part(200, 'a');
  int deep = ::open(folder_.c_str(), O_RDONLY);
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(::mkdirat(deep, part.c_str(), 0777), 0);
    const int below = ::openat(deep, part.c_str(), O_RDONLY);
    ::close(deep);
    deep = below;
  }
  ::close(deep);
  put("b.png");
  const Lines found = all();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].ends_with("a io")) << found[0];
  EXPECT_EQ(found[1], "b.png");
}

TEST_F(PictureTrees, NothingAtAllIsAnError) {
  put("notes.txt");
  EXPECT_EQ(all(), Lines{". missing"});
  PictureTree none((folder_ / "none").string());
  EXPECT_EQ(all(none), Lines{"none not_found"});
}

TEST_F(PictureTrees, DepthTakesNoOpenFiles) {
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "a/";
  put(deep + "x.png");
  put("b.png");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const Lines found = all();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(found, (Lines{deep + "x.png", "b.png"}));
}

}  // namespace
}  // namespace holisafe::image
