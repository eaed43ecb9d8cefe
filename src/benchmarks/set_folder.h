// For tests: a folder of a set, written file by file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

class SetFolder : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_folders(folder_)); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    auto file = folder_ / name;
    EXPECT_TRUE(make_folders(file.parent_path()));
    EXPECT_TRUE(write_file_atomic(file, text));
    return file;
  }
  /// All of a set's items.
  static Result<std::vector<Item>> items_of(const char* set, const DataPlace& data) {
    constexpr std::size_t at_once = 100;  // of one file at most
    HOLISAFE_TRY(auto rows, find(set)->open(data));
    std::vector<Item> out;
    while (true) {
      HOLISAFE_TRY(const auto piece, rows->next(at_once));
      if (piece.empty()) return out;
      out.insert(out.end(), piece.begin(), piece.end());
    }
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("holisafe_set_{}", ::getpid());
};

}  // namespace holisafe::benchmarks
