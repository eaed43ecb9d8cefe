#include "dataset/field_rows.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::dataset {
namespace {

namespace fs = std::filesystem;
using Kind = FieldValue::Kind;

class Fields : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }
  [[nodiscard]] Result<FieldRows> open(const std::string& text) const {
    std::ofstream(path_, std::ios::binary) << text;
    HOLISAFE_TRY(InputFile file, InputFile::open(path_));
    return FieldRows::open(std::move(file), {"id", "answer"});
  }
  /// Each row's line and values; then what is said of a fault, the file's name left out.
  [[nodiscard]] std::vector<std::string> read(const std::string& text) const {
    std::vector<std::string> out;
    auto rows = open(text);
    while (rows) {
      const auto found = rows->next();
      if (!found) rows = fail(found.error());
      if (!found || !*found) break;
      out.push_back(std::to_string(rows->line()) + " " + rows->value(0).text + " " + rows->value(1).text);
    }
    if (!rows) {
      out.push_back(rows.error().message());
      if (const auto at = out.back().find(path_.string()); at != std::string::npos)
        out.back().erase(at, path_.string().size() + 2);
    }
    return out;
  }
  fs::path path_ = fs::temp_directory_path() / ("holisafe_field_rows_" + std::to_string(::getpid()));
};

TEST_F(Fields, TheSameRowsInEveryForm) {
  using Rows = std::vector<std::string>;
  EXPECT_EQ(read("\n[{\"id\": 7, \"answer\": \"a\"},\n\n{\"answer\": \"b\", \"other\": [1], \"id\": \"x\"}]"),
            (Rows{"2 7 a", "4 x b"}));
  EXPECT_EQ(read("{\"id\": 7, \"answer\": \"a\"}\n\n{\"id\": \"x\", \"answer\": \"b\"}\n"),
            (Rows{"1 7 a", "3 x b"}));
  EXPECT_EQ(read("answer, id ,other\na,7,\n\"b\n\",x,y\nc,8,\n"), (Rows{"2 7 a", "3 x b\n", "5 8 c"}));
  std::string many;
  for (int i = 0; i < 600; ++i) many += "{\"id\": " + std::to_string(i) + "}\n";
  EXPECT_EQ(read(many).size(), 600);
  EXPECT_EQ(read(many)[599], "600 599 ");
}

TEST_F(Fields, WhatKindAValueIs) {
  auto rows = *open(
      "{\"id\": 18446744073709551615, \"answer\": null}\n{\"id\": [\"x\"], \"answer\": [1]}\n{\"id\": 1.5}");
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.form(), FieldRows::Form::lines);
  EXPECT_EQ(rows.value(0).kind, Kind::integer);
  EXPECT_EQ(rows.value(0).text, "18446744073709551615");
  EXPECT_EQ(rows.value(1).kind, Kind::null);
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.value(0).kind, Kind::one_text);
  EXPECT_EQ(rows.value(0).text, "x");
  EXPECT_EQ(rows.value(1).kind, Kind::other);
  EXPECT_EQ(rows.value(1).found, "an array");
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.value(0).found, "a number with a fraction");
  EXPECT_EQ(rows.value(1).kind, Kind::absent);
  EXPECT_EQ(rows.where("answer"), path_.string() + ": line 3 (row 3): answer");
  EXPECT_FALSE(*rows.next());
  rows.rewind();
  ASSERT_TRUE(*rows.next());
  EXPECT_EQ(rows.where(""), path_.string() + ": line 1 (row 1)");
  EXPECT_EQ(rows.field_names(), "id, answer");
}

TEST_F(Fields, NamesWhatIsWrong) {
  EXPECT_EQ(read("{\"id\": 1}\n{\"id\": 2, \"id\": 3}").back(),
            "invalid row: line 2 (row 2): id: expected the field once, found it again");
  EXPECT_EQ(read("[{},\n7]").back(), "invalid row: line 2 (row 2): expected an object, found an integer");
  EXPECT_EQ(read("{\"id\": 1}\n{\"id\": tru}").back(),
            "not valid JSON: line 2: byte 7: expected a value, found 't'");
  EXPECT_EQ(read("id,id\n").back(), "invalid head: line 1: id: expected the field once, found it again");
  EXPECT_EQ(read("id,answer\n1,2\n3\n").back(),
            "not valid CSV: line 3 (row 2): expected 2 cells, as the head has, found 1");
  EXPECT_EQ(read(" \n").back(), "empty file: expected rows, found nothing");
}

}  // namespace
}  // namespace holisafe::dataset
