#include "tokenizer/tokenizer.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::tokenizer {
namespace {

namespace fs = std::filesystem;

/// A tokenizer.json of a handful of tokens; `parts` replaces or adds members.
std::string document(const std::string& parts) {
  return R"({"added_tokens":[{"id":9,"content":"<image>","special":true}],)" + parts +
         R"("model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0,"b":1,"ab":2,"▁":3,"<0xC3>":4,"<0xA9>":5,"▁a":6},"merges":["a b","▁ a"]}})";
}

class Tokenizers : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_tokenizer_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  Result<Tokenizer> open(const std::string& json) {
    EXPECT_TRUE(write_file_atomic(folder_ / "tokenizer.json", json));
    return Tokenizer::open(folder_);
  }
  fs::path folder_;
};

using Ids = std::vector<std::int64_t>;

TEST_F(Tokenizers, MergesByRankAndFallsBackToBytes) {
  const auto tokenizer =
      open(document(R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]},)"))
          .value();
  EXPECT_EQ(tokenizer.encode("abba").value(), (Ids{2, 1, 0}));
  EXPECT_EQ(tokenizer.encode("é").value(), (Ids{4, 5}));
  EXPECT_EQ(tokenizer.decode(Ids{4, 5, 2}, false), "éab");
  EXPECT_EQ(tokenizer.decode(Ids{4, 2}, false),
            "\xef\xbf\xbd"
            "ab");
  EXPECT_EQ(tokenizer.token_id("<image>"), 9);
  EXPECT_EQ(tokenizer.token_id("none"), std::nullopt);
  EXPECT_EQ(tokenizer.vocabulary_size(), 10);
}

TEST_F(Tokenizers, SpecialTokensAreForTemplatesOnly) {
  const auto tokenizer = open(document("")).value();
  const std::vector<Piece> pieces{{"a<image>", true}, {"b<image>b", false}};
  // Characters outside the vocabulary vanish before merging, as in the tokenizers library: the a of the typed
  // <image> meets the b behind it.
  EXPECT_EQ(tokenizer.encode(pieces).value().ids, (Ids{0, 9, 1, 2}));
  const std::vector<Piece> across{{"<ima", true}, {"ge>", false}};
  EXPECT_EQ(tokenizer.encode(across).value().ids, (Ids{0}));
  EXPECT_EQ(tokenizer.decode(Ids{0, 9, 1}, true), "ab");
  const std::int64_t id = 2;
  EXPECT_TRUE(tokenizer.also_special(std::span(&id, 1)).is_special(2));
  EXPECT_FALSE(tokenizer.is_special(2));
}

TEST_F(Tokenizers, CharactersThatArriveInPartsAreHeldBack) {
  const auto tokenizer = open(document(R"("decoder":{"type":"ByteFallback"},)")).value();
  StreamDecoder stream(tokenizer, false);
  EXPECT_EQ(stream.push(4), "");
  EXPECT_EQ(stream.push(5), "");
  EXPECT_EQ(stream.push(0), "éa");
  EXPECT_EQ(stream.push(4), "");
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
}

TEST_F(Tokenizers, TextMustBeUtf8) {
  EXPECT_EQ(open(document("")).value().encode("\xff").error().kind, ErrorKind::invalid_utf8);
}

TEST_F(Tokenizers, PartsThatAreNotSupportedAreNamed) {
  for (const auto& [parts, part] : std::vector<std::pair<std::string, std::string>>{
           {R"("normalizer":{"type":"BertNormalizer"},)", "BertNormalizer"},
           {R"("pre_tokenizer":{"type":"Whitespace"},)", "Whitespace"},
           {R"("decoder":{"type":"WordPiece"},)", "WordPiece"},
           {R"("decoder":{"type":"Metaspace","replacement":""},)", "Metaspace"},
           {R"("pre_tokenizer":{"type":"Metaspace","replacement":""},)", "Metaspace"},
           {R"("normalizer":{"type":"Replace","pattern":{"Regex":"a"},"content":"b"},)", "Replace"}}) {
    const auto tokenizer = open(document(parts));
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().kind, ErrorKind::unsupported);
    EXPECT_NE(tokenizer.error().message().find(part), std::string::npos) << tokenizer.error().message();
  }
}

TEST_F(Tokenizers, AnIdFarFromTheOthersTakesNoMemory) {
  const auto tokenizer = open(R"({"model":{"vocab":{"a":0,"b":2147483647},"merges":[]}})").value();
  EXPECT_EQ(tokenizer.encode("ab").value(), (std::vector<std::int64_t>{0, 2147483647}));
  EXPECT_EQ(tokenizer.decode(std::vector<std::int64_t>{2147483647, 1, 0}, false), "ba");
  EXPECT_EQ(tokenizer.vocabulary_size(), 2147483648);
}

TEST_F(Tokenizers, BrokenFilesAreErrors) {
  EXPECT_EQ(Tokenizer::open(folder_).error().kind, ErrorKind::not_found);
  for (
      const char* json :
      {"", "[]", "{}", R"({"model":{"type":"Unigram"}})", R"({"model":{"vocab":{"a":-1},"merges":[]}})",
       R"({"model":{"vocab":{"a":0},"merges":["a b"]}})", R"({"model":{"vocab":{"a":0},"merges":[1]}})",
       R"({"model":{"vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}})",
       R"({"model":{"vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\C"},"behavior":"Isolated"}})"}) {
    const auto tokenizer = open(json);
    ASSERT_FALSE(tokenizer) << json;
    EXPECT_NE(tokenizer.error().message().find("tokenizer.json"), std::string::npos)
        << tokenizer.error().message();
  }
  fs::remove(folder_ / "tokenizer.json");
  ASSERT_TRUE(write_file_atomic(folder_ / "tokenizer.model", "not a model"));
  EXPECT_EQ(Tokenizer::open(folder_).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace holisafe::tokenizer
