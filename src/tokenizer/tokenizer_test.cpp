#include "tokenizer/tokenizer.h"

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
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

TEST_F(Tokenizers, AnAddedTokenHasAtMostAKilobyte) {
  const auto with = [&](std::size_t bytes) {
    return open(R"({"added_tokens":[{"id":9,"content":")" + std::string(bytes, 'a') +
                R"(","special":false}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
  };
  ASSERT_TRUE(with(1024)) << with(1024).error().message();
  EXPECT_EQ(with(1025).error().kind, ErrorKind::too_large);
  EXPECT_THAT(with(1025).error().message(), testing::HasSubstr("added token 9: expected at most 1024 bytes"));
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
           {R"("pre_tokenizer":{"type":"Metaspace","replacement":"__"},)", "Metaspace"},
           {R"("normalizer":{"type":"Replace","pattern":{"Regex":"a"},"content":"b"},)", "Replace"}}) {
    const auto tokenizer = open(document(parts));
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().kind, ErrorKind::unsupported);
    EXPECT_NE(tokenizer.error().message().find(part), std::string::npos) << tokenizer.error().message();
  }
}

/// A Sequence of `count` parts of a normalizer, pre-tokenizer or decoder.
std::string sequence(const std::string& kind, const std::string& list, const std::string& part, int count) {
  std::string out = "\"" + kind + R"(":{"type":"Sequence",")" + list + R"(":[)";
  for (int i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + part;
  return out + "]},";
}

const std::string doubles_a = R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})";

void expect_too_large(const Error& error) {
  EXPECT_EQ(error.kind, ErrorKind::too_large) << error.message();
  EXPECT_NE(error.message().find("tokenizer"), std::string::npos) << error.message();
  EXPECT_LE(error.message().size(), 580U);
}

TEST_F(Tokenizers, NormalizersGrowTextWithinBounds) {
  const std::string text(100, 'a');
  for (const int count : {1, 4, 9}) {  // 51,200 of at most 1,600 + 65,536
    const auto tokenizer = open(document(sequence("normalizer", "normalizers", doubles_a, count))).value();
    EXPECT_EQ(tokenizer.encode(text).value().size(), 100U << static_cast<unsigned>(count));
  }
  for (const auto& step :
       {doubles_a, std::string(R"({"type":"Prepend","prepend":")" + std::string(40'000, 'b') + R"("})"),
        std::string(R"({"type":"Replace","pattern":{"String":"a"},"content":")" + std::string(700, 'b') +
                    R"("})")}) {
    const auto tokenizer = open(document(sequence("normalizer", "normalizers", step, 40))).value();
    expect_too_large(tokenizer.encode(text).error());
  }
  // All parts of a text share the room: added tokens between them give no more.
  const std::string part = R"({"type":"Prepend","prepend":")" + std::string(1'000, 'b') + R"("})";
  const auto tokenizer = open(document(sequence("normalizer", "normalizers", part, 1))).value();
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "a<image>";
  const Piece piece{many, true};
  expect_too_large(tokenizer.encode(std::span(&piece, 1)).error());
}

TEST_F(Tokenizers, PreTokenizersAndDecodersGrowTextWithinBounds) {
  const std::string level = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})";
  const auto tokenizer = open(document(sequence("pre_tokenizer", "pretokenizers", level, 60))).value();
  expect_too_large(tokenizer.encode("ééé").error());
  expect_too_large(open(document(sequence("decoder", "decoders", doubles_a, 40))).error());
  const auto fine = open(document(sequence("decoder", "decoders", doubles_a, 3))).value();
  EXPECT_EQ(fine.decode(Ids{0}, false), std::string(8, 'a'));
}

TEST_F(Tokenizers, ListsHaveAThousandPartsAtMost) {
  for (const auto& [kind, list, part] :
       std::vector<std::array<std::string, 3>>{{"normalizer", "normalizers", R"({"type":"NFC"})"},
                                               {"pre_tokenizer", "pretokenizers", R"({"type":"Digits"})"},
                                               {"decoder", "decoders", R"({"type":"Fuse"})"}}) {
    EXPECT_TRUE(open(document(sequence(kind, list, part, 1'000)))) << kind;
    expect_too_large(open(document(sequence(kind, list, part, 1'001))).error());
    const std::string inner = sequence(kind, list, part, 200);
    const auto begin = inner.find('{');
    const std::string nested = inner.substr(begin, inner.size() - begin - 1);
    expect_too_large(open(document(sequence(kind, list, nested, 6))).error());
  }
}

TEST_F(Tokenizers, APatternThatGivesUpIsNoMatchThatFails) {
  const auto split = [this](const std::string& regex) {
    return open(document(R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":")" + regex +
                         R"("},"behavior":"Removed"},)"));
  };
  const auto removes = split("(?:[ab]|[cd])+").value();
  for (const std::size_t size : {10U, 4'000U, 300'000U}) {
    const auto ids = removes.encode(std::string(size, 'a'));
    ASSERT_TRUE(ids) << ids.error().message();
    EXPECT_TRUE(ids->empty()) << size;
  }
  const auto gives_up = split("(?:a|aa)+[bc]").value();
  expect_too_large(gives_up.encode(std::string(200, 'a')).error());
}

TEST_F(Tokenizers, PointersOfLfsAreNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 38\n";
  EXPECT_NE(open(pointer).error().message().find("LFS"), std::string::npos);
  fs::remove(folder_ / "tokenizer.json");
  ASSERT_TRUE(write_file_atomic(folder_ / "tokenizer.model", pointer));
  EXPECT_NE(Tokenizer::open(folder_).error().message().find("LFS"), std::string::npos);
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
