#include "dataset/row_stream.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "dataset/rows.h"

namespace holisafe::dataset {
namespace {

namespace fs = std::filesystem;

class RowStreams : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }
  Result<std::vector<std::string>> read(const std::string& text, std::size_t most,
                                        RowLayout layout = RowLayout::array) {
    std::ofstream(path_) << text;
    HOLISAFE_TRY(RowStream stream, RowStream::open(path_, layout));
    std::vector<std::string> out;
    while (true) {
      HOLISAFE_TRY(std::string piece, stream.next(most));
      if (piece.empty()) return out;
      out.push_back(std::move(piece));
    }
  }
  fs::path path_ = fs::temp_directory_path() / ("holisafe_row_stream_" + std::to_string(::getpid()));
};

TEST_F(RowStreams, CutsBetweenValues) {
  const auto pieces = read(" [ {\"a\":\"],{\\\"\\\\\"} ,[1,[2]],3 , \"x,]\\\\\" ,true,null ]\n", 2);
  ASSERT_TRUE(pieces) << pieces.error().message();
  EXPECT_EQ(*pieces, (std::vector<std::string>{"[{\"a\":\"],{\\\"\\\\\"},[1,[2]]]", "[3,\"x,]\\\\\"]",
                                               "[true,null]"}));
  EXPECT_TRUE(read("[]", 2)->empty());
}

TEST_F(RowStreams, CutsBetweenLines) {
  constexpr auto layout = RowLayout::array_or_lines;
  const std::vector<std::string> expected = {"[{\"a\":\"}\"},{\"b\":[{}]}]", "[{}]"};
  EXPECT_EQ(read("{\"a\":\"}\"}\n{\"b\":[{}]}\r\n\n {} \n", 2, layout).value(), expected);
  EXPECT_EQ(read("[{\"a\":\"}\"}, {\"b\":[{}]}, {}]", 2, layout).value(), expected)
      << "an array is one still";
  EXPECT_EQ(read("{} {}", 2, layout).error().detail, "expected the end of the line");
  EXPECT_EQ(read("{}\n7\n", 2, layout).error().detail, "expected an object");
  EXPECT_EQ(read("{}\n{", 2, layout).error().kind, ErrorKind::truncated);
  EXPECT_EQ(read("{}\n", 2).error().detail, "expected an array") << "where lines are not asked for";
}

TEST_F(RowStreams, SameValuesAsTheWholeFileWhereverTheBufferEnds) {
  std::string text = "[";
  for (int i = 0; i < 3000; ++i) {
    text += (i == 0 ? "" : ",\n ") + std::string("{\"id\": ") + std::to_string(i) + ", \"query\": \"" +
            std::string(static_cast<std::size_t>(i % 97), i % 2 == 0 ? 'q' : '\\');
    if (i % 2 == 1 && i % 97 % 2 == 1) text += '\\';
    text += "\"}";
  }
  text += "]";
  const auto pieces = read(text, 7);
  ASSERT_TRUE(pieces) << pieces.error().message();
  std::vector<std::string> joined;
  for (const auto& piece : *pieces) {
    const auto file = RowFile::parse(piece, "piece");
    ASSERT_TRUE(file) << file.error().message();
    for (const auto row : file->row_texts()) joined.emplace_back(row);
  }
  const auto whole = RowFile::parse(text, "whole");
  ASSERT_TRUE(whole) << whole.error().message();
  const auto texts = whole->row_texts();
  EXPECT_EQ(joined, std::vector<std::string>(texts.begin(), texts.end()));
}

TEST_F(RowStreams, NamesWhatIsBetweenValues) {
  for (const auto* text : {"", "{}", "[1 2]", "[1,]", "[,1]", "[1,,2]", "[1}", "[1]x", "[}", "[1] []"}) {
    const auto pieces = read(text, 10);
    ASSERT_FALSE(pieces) << text;
    EXPECT_TRUE(pieces.error().kind == ErrorKind::malformed || pieces.error().kind == ErrorKind::truncated)
        << text;
  }
  EXPECT_EQ(read("[1", 10).error().kind, ErrorKind::truncated);
  EXPECT_EQ(read("[{\"a\":\"", 10).error().kind, ErrorKind::truncated);
  EXPECT_EQ(RowStream::open("/").error().kind, ErrorKind::not_a_file);
}

}  // namespace
}  // namespace holisafe::dataset
