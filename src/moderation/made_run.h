// A folder with files and a guard run over it, for tests of this layer: what the guard said is given.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "moderation/placing.h"
#include "verdicts/guard_writer.h"

namespace holisafe::moderation {

/// Of the probability of one harm; the rest is safe's.
inline taxonomy::Verdict verdict_of(std::size_t harm, double unsafe) {
  taxonomy::Verdict out;
  out.scores[0] = 1 - unsafe;
  out.scores[harm] = unsafe;
  out.label = unsafe > 0.5 ? harm : 0;
  return out;
}

/// Makes files below root() and says of each what a guard would; goes with all of it.
class MadeRun : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ / "tree");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  /// A file at `name` below root() and its verdict; equal bytes must have equal verdicts.
  void add(const std::string& name, const std::string& bytes, std::size_t harm, double unsafe) {
    const auto path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(write_file_atomic(path, bytes));
    files_[path.string()] = {{sha256(bytes), 4, 3, verdict_of(harm, unsafe)}};
  }
  /// The same of a file that is no picture.
  void add_broken(const std::string& name, const std::string& bytes) {
    add(name, bytes, 1, 0);
    files_[(root_ / name).string()].row.verdict =
        fail(ErrorKind::malformed, "cannot read image", "byte 0", "no picture");
  }

  /// Writes all that was added into a run; what an earlier call wrote and is not there any more is gone.
  verdicts::GuardStore made(const std::string& run = "run",
                            const std::vector<std::string>& trees = {"tree"}) {
    auto store = verdicts::GuardStore::open(root_ / run, store::Access::write).value();
    write(store, trees);
    return verdicts::GuardStore::open(root_ / run, store::Access::read).value();
  }

 private:
  struct File {
    verdicts::ContentRow row;
  };

  void write(const verdicts::GuardStore& store, const std::vector<std::string>& trees) {
    auto writer = verdicts::GuardWriter::begin(store).value();
    std::vector<std::string> absolute;
    for (const std::string& tree : trees) absolute.push_back((root_ / tree).string());
    ASSERT_TRUE(writer.begin_listing("/", absolute));
    std::erase_if(files_, [](const auto& file) { return !std::filesystem::exists(file.first); });
    for (const auto& [path, file] : files_) ASSERT_TRUE(writer.list(path, stamp_of(path).value()));
    ASSERT_TRUE(writer.end_listing([](const std::string& path) { return !std::filesystem::exists(path); }));
    for (const auto& [path, file] : files_) {
      const auto known = writer.known(*file.row.sha256).value();
      const std::int64_t number = known ? known->number : writer.add(file.row, {}).value();
      ASSERT_TRUE(writer.read(path, stamp_of(path).value(), number));
    }
    ASSERT_TRUE(writer.commit());
    ASSERT_TRUE(store.put_flagging(verdicts::Flagging(0.5)));
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / fmt::format("moderation_test_{}", ::getpid());
  std::map<std::string, File> files_;
};

}  // namespace holisafe::moderation
