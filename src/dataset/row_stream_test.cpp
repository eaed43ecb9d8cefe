#include "dataset/row_stream.h"

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataset/rows.h"

namespace holisafe::dataset {
namespace {

namespace fs = std::filesystem;

class RowStreams : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }
  Result<std::vector<std::string>> read(const std::string& text, std::size_t most) {
    std::ofstream(path_) << text;
    HOLISAFE_TRY(RowStream stream, RowStream::open(path_));
    std::vector<std::string> out;
    while (true) {
      HOLISAFE_TRY(std::string piece, stream.next(most));
      if (piece.empty()) return out;
      out.push_back(std::move(piece));
    }
  }
  /// What is said of a file that is read as rows; the file's name left out.
  std::string said_of(const std::string& text) {
    std::ofstream(path_) << text;
    auto stream = RowStream::open(path_);
    if (!stream) return without_name(stream.error());
    while (true) {
      const auto rows = stream->next_rows(2);
      if (!rows) return without_name(rows.error());
      if (!*rows) return "";
    }
  }
  [[nodiscard]] std::string without_name(const Error& error) const {
    std::string out = error.message();
    out.erase(out.find(path_.string()), path_.string().size() + 2);
    return out;
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
  const std::vector<std::string> expected = {"[{\"a\":\"}\"},{\"b\":[{}]}]", "[{}]"};
  EXPECT_EQ(read("{\"a\":\"}\"}\n{\"b\":[{}]}\r\n\n {} \n", 2).value(), expected);
  EXPECT_EQ(read("[{\"a\":\"}\"}, {\"b\":[{}]}, {}]", 2).value(), expected) << "an array is one still";
  EXPECT_EQ(read("{} {}", 2).error().detail, "expected the end of the line");
  EXPECT_EQ(read("{}\n7\n", 2).error().detail, "expected an object");
  EXPECT_EQ(read("{}\n{", 2).error().kind, ErrorKind::truncated);
  EXPECT_EQ(read("{\n \"a\": 1\n}\n{\"b\":\n2}", 9)->front(), "[{\n \"a\": 1\n},{\"b\":\n2}]")
      << "as jq prints values";
}

TEST_F(RowStreams, NamesTheLineThatIsBroken) {
  EXPECT_EQ(said_of("{\"a\":1}\r\n\r\n{\"a\":tru}\r\n{}"),
            "not valid JSON: line 3: byte 5: expected a value, found 't'");
  EXPECT_EQ(said_of("{}\n{\"a\":\"cut\n{}\n"), "not valid JSON: line 2: expected the end of a text");
  EXPECT_EQ(said_of("{}\n{\"a\":1\n{}\n{}"), "not valid JSON: line 2: expected the end of a value");
  EXPECT_EQ(said_of("{}\n{}\n{\"a\":1\n{}}\n{}"),
            "not valid JSON: line 3: byte 7: expected ',' or '}', found '{'");
  EXPECT_EQ(said_of("{}\n\nno\n"), "not valid JSON: line 3: expected an object");
  EXPECT_EQ(said_of("[{},\n{\"a\":tru},{}]"), "not valid JSON: byte 10: expected a value, found 't'");
}

TEST_F(RowStreams, MarksHalvesAndOtherEncodings) {
  using namespace std::string_literals;
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(said_of(mark + "{\"a\":1}\n{}"), "");
  EXPECT_EQ(said_of(mark + " [{}]"), "");
  EXPECT_EQ(said_of("[{\"a\":\"\\ud83d x\"}]"), "");
  for (const auto& text : {"\xff\xfe[\0]\0"s, "\xfe\xff\0[\0]"s, "[\0{\0}\0]\0"s, "\0[\0]"s})
    EXPECT_EQ(said_of(text), "cannot read JSON: expected UTF-8, found UTF-16");
  EXPECT_EQ(said_of("\xff\xfe\0\0[\0\0\0"s), "cannot read JSON: expected UTF-8, found UTF-32");
  EXPECT_EQ(said_of("\x1f\x8b\x08"), "cannot read JSON: expected UTF-8, found gzip");
  EXPECT_EQ(said_of("PAR1\x15"), "cannot read JSON: expected UTF-8, found Parquet");
  EXPECT_NE(said_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n").find("Git LFS"),
            std::string::npos);
}

TEST_F(RowStreams, APipeIsReadTwice) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const std::string text = "{\"a\":1}\n{\"a\":2}\n";
  std::thread writer([&] { std::ofstream(path_) << text; });
  auto stream = RowStream::open(path_);
  writer.join();
  ASSERT_TRUE(stream) << stream.error().message();
  EXPECT_EQ(stream->file().sha256().value(), sha256(text));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(stream->next(9).value(), "[{\"a\":1},{\"a\":2}]");
    EXPECT_EQ(stream->next(9).value(), "");
    stream->rewind();
  }
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
  for (const auto* text : {"[1 2]", "[1,]", "[,1]", "[1,,2]", "[1}", "[1]x", "[}", "[1] []"}) {
    const auto pieces = read(text, 10);
    ASSERT_FALSE(pieces) << text;
    EXPECT_TRUE(pieces.error().kind == ErrorKind::malformed || pieces.error().kind == ErrorKind::truncated)
        << text;
  }
  EXPECT_EQ(read("[1", 10).error().kind, ErrorKind::truncated);
  EXPECT_EQ(read("[{\"a\":\"", 10).error().kind, ErrorKind::truncated);
  EXPECT_EQ(read("", 10).error().kind, ErrorKind::missing);
  EXPECT_EQ(RowStream::open("/").error().kind, ErrorKind::not_a_file);
}

}  // namespace
}  // namespace holisafe::dataset
