#include "dataset/csv.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::dataset {
namespace {

namespace fs = std::filesystem;
using Records = std::vector<std::vector<std::string>>;

class Csv : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }
  [[nodiscard]] Result<CsvReader> open(const std::string& text) const {
    std::ofstream(path_, std::ios::binary) << text;
    HOLISAFE_TRY(InputFile file, InputFile::open(path_));
    return CsvReader::open(std::move(file));
  }
  static Result<Records> records(CsvReader& table) {
    Records out;
    while (true) {
      HOLISAFE_TRY(const bool found, table.next());
      if (!found) return out;
      auto& record = out.emplace_back();
      for (std::size_t i = 0; i < table.cells(); ++i) record.emplace_back(table.cell(i));
    }
  }
  [[nodiscard]] Records read(const std::string& text) const {
    auto table = open(text);
    EXPECT_TRUE(table) << table.error().message();
    auto out = records(*table);
    EXPECT_TRUE(out) << out.error().message();
    return *out;
  }
  /// What is said of it; the file's name left out.
  [[nodiscard]] std::string said_of(const std::string& text) const {
    auto table = open(text);
    std::string out = table ? records(*table).error().message() : table.error().message();
    out.erase(out.find(path_.string()), path_.string().size() + 2);
    return out;
  }
  fs::path path_ = fs::temp_directory_path() / ("holisafe_csv_" + std::to_string(::getpid()));
};

TEST_F(Csv, CellsAsRfc4180HasThem) {
  EXPECT_EQ(read("id,prediction\n7,Sure\n"), (Records{{"id", "prediction"}, {"7", "Sure"}}));
  EXPECT_EQ(read("a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n"), (Records{{"a", "b"}, {"1", "x, \"y\"\r\nz"}}));
  EXPECT_EQ(read("a,,\"\"\n, ,"), (Records{{"a", "", ""}, {"", " ", ""}}));
  EXPECT_EQ(read("\"\"\n\"a\"\"\""), (Records{{""}, {"a\""}}));
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "id\n1"),
            (Records{{"id"}, {"1"}}));
  EXPECT_EQ(read("\xef\xbb\xbf\"i,d\"\n1"), (Records{{"i,d"}, {"1"}}));
  EXPECT_TRUE(read("").empty());
}

TEST_F(Csv, EveryLineEndAndNoLines) {
  const Records expected = {{"a", "b"}, {"1", "2"}, {"3", "4"}};
  for (const auto* text : {"a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r",
                           "a,b\r\r\n1,2\r\r\n3,4\r\r\n", "\n\na,b\n\n1,2\n\r\n3,4\n\n"})
    EXPECT_EQ(read(text), expected) << text;
}

TEST_F(Csv, SaysInWhichLineARecordBegins) {
  auto table = *open("a\n\"1\n2\n3\"\n\nb\r\nc");
  std::vector<std::uint64_t> lines;
  while (*table.next()) lines.push_back(table.line());
  EXPECT_EQ(lines, (std::vector<std::uint64_t>{1, 2, 6, 7}));
  table.rewind();
  EXPECT_TRUE(*table.next());
  EXPECT_EQ(table.cell(0), "a");
  EXPECT_EQ(table.line(), 1);
}

TEST_F(Csv, NamesTheLineOfAFault) {
  using namespace std::string_literals;
  EXPECT_EQ(said_of("a,b\n1,x\0y\n"s), "not valid CSV: line 2: expected text, found a NUL character");
  EXPECT_EQ(said_of("a,b\n1,\"x\n\0y\"\n"s), "not valid CSV: line 3: expected text, found a NUL character");
  EXPECT_EQ(said_of("a\n1\n\"x\ny\nz"), "not valid CSV: line 3: expected the closing quote of a cell");
  EXPECT_EQ(said_of("a\nx\"y\n"),
            "not valid CSV: line 2: expected a cell with quotes to stand in quotes, its own doubled");
  EXPECT_EQ(said_of("a\n\"x\" y\n"),
            "not valid CSV: line 2: expected a comma or the end of the line behind a closing quote");
  EXPECT_EQ(said_of("a,b\n1,\xff\n"), "not valid CSV: line 2: expected UTF-8 in cell 2");
  EXPECT_EQ(said_of("a,b\n\xc3,\xa9\n"), "not valid CSV: line 2: expected UTF-8 in cell 1");
  EXPECT_EQ(said_of("\xff\xfe"
                    "a\0"s),
            "cannot read JSON: expected UTF-8, found UTF-16");
}

TEST_F(Csv, WhatIsTooLargeIsRefused) {
  EXPECT_EQ(said_of(std::string(CsvReader::most_cells, ',')),
            "not valid CSV: line 1: expected at most 16384 cells in a record");
  EXPECT_EQ(said_of("a\n" + std::string(CsvReader::most_record_bytes + 1, 'x')),
            "not valid CSV: line 2: expected at most 67108864 bytes in a record");
}

TEST_F(Csv, TheSameWhereverTheBufferEnds) {
  std::string text;
  Records expected;
  for (int i = 0; i < 4000; ++i) {
    const std::string filler(static_cast<std::size_t>(i % 83), i % 3 == 0 ? 'x' : '"');
    std::string doubled;
    for (const char c : filler) doubled += c == '"' ? "\"\"" : std::string(1, c);
    text += std::to_string(i) + ",\"" + doubled + "\n,\"" + (i % 2 == 0 ? "\r\n" : "\n");
    expected.push_back({std::to_string(i), filler + "\n,"});
  }
  EXPECT_EQ(read(text), expected);
}

}  // namespace
}  // namespace holisafe::dataset
