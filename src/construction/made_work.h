// Rows with something in every column, and a folder for a build's database, for tests of this layer.
#pragma once

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "construction/work.h"

namespace holisafe::construction {

inline std::string hash_of(char digit) { return std::string(64, digit); }

inline ImageRow full_image(std::int64_t id) {
  ImageRow out;
  out.id = id;
  out.source = "photos";
  out.path = fmt::format("weapon/{}.png", id);
  out.file = "/photos/" + out.path;
  out.stamp = verdicts::FileStamp{10, -20};
  out.sha256 = hash_of('a');
  out.pixels = hash_of('b');
  out.width = 30;
  out.height = 20;
  out.pdq = hash_of('c');
  out.pdq_quality = 77;
  out.cluster = id;
  out.state = ImageState::near_duplicate;
  out.duplicate_of = 3;
  out.reason = "near-duplicate";
  out.label = 16;
  out.votes = {{"source", "weapon_related_violence"}, {"openai:m", "quarantine"}};
  out.subcategory = 5;
  out.license = "CC0";
  out.origin = "web";
  out.side = Side::bench;
  return out;
}

inline PairRow full_pair(std::int64_t id, std::int64_t image) {
  PairRow out;
  out.id = id;
  out.image_id = image;
  out.type = taxonomy::Combination::UUU;
  out.subcategory = 16;
  out.instruction = "do";
  out.response = "no";
  out.state = PairState::filtered;
  out.filter = "length";
  out.reason = "too long";
  out.writer = "openai:w";
  out.checker = "openai:c";
  out.rewrites = 2;
  out.prompt_sha256 = hash_of('d');
  out.brought = true;
  out.place = std::string("s\n\xff\n1");
  out.review = Review{"edit", "ann", "before", ""};
  return out;
}

inline KeptReply reply(std::int64_t subject, Step step, KeptReply::Kind kind) {
  KeptReply out;
  out.subject = subject;
  out.step = step;
  out.by = "openai:w";
  out.kind = kind;
  out.object = "{}";
  out.text = "text";
  out.reason = "why";
  out.prompt_sha256 = hash_of('e');
  out.input_tokens = 7;
  out.output_tokens = 3;
  return out;
}

/// folder_ goes with the build in it.
class WorkFolder : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Work open(store::Access access = store::Access::write) const {
    return Work::open(folder_, access).value();
  }
  [[nodiscard]] std::string refusal(store::Access access = store::Access::read) const {
    const auto opened = Work::open(folder_, access);
    return opened ? "" : opened.error().message();
  }
  void by_hand(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(::sqlite3_open((folder_ / Work::file_name).c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << ::sqlite3_errmsg(connection);
    ::sqlite3_close(connection);
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("work_test_{}", ::getpid());
};

}  // namespace holisafe::construction
