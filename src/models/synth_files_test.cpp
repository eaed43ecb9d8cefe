#include "models/synth_files.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::models {
namespace {

class SynthFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "holisafe_synth_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<tokenizer::Tokenizer> made(const SynthTokenizer& request, const nlohmann::ordered_json& decoder,
                                    const nlohmann::ordered_json& pre_tokenizer) {
    auto document = synth_tokenizer(request);
    document["decoder"] = decoder;
    document["pre_tokenizer"] = pre_tokenizer;
    HOLISAFE_CHECK(checkpoint::write_json(folder_ / "tokenizer.json", document));
    return tokenizer::Tokenizer::open(folder_);
  }

  std::filesystem::path folder_;
};

/// Decoder and pre-tokenizer of Llama's files.
const nlohmann::ordered_json llama_decoder{
    {"type", "Sequence"},
    {"decoders",
     {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}},
      {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
const nlohmann::ordered_json metaspace{
    {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};

constexpr const char* sample_text = "Zwölf quick foxes,  a 👍 and 123 <s>\n\ttabs";

TEST_F(SynthFiles, ByteFallbackTokenizerHasItsSizeAndKeepsAnyText) {
  const auto tokenizer =
      made({ByteTokens::fallback, {"<unk>", "<s>", "</s>"}, 3000, {"<image>"}}, llama_decoder, metaspace);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  EXPECT_EQ(tokenizer->vocabulary_size(), 3001);
  EXPECT_EQ(tokenizer->token_id("<s>"), 1);
  EXPECT_EQ(tokenizer->token_id("<image>"), 3000);
  const auto ids = tokenizer->encode(sample_text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer->decode(*ids, false), sample_text);
}

TEST_F(SynthFiles, EachWordOfACorpusIsOneToken) {
  SynthTokenizer request{ByteTokens::fallback, {"<unk>", "<s>", "</s>"}, 0, {}, {}};
  request.words = words_of("What is this?\nI can't say: what it is, then.\n");
  EXPECT_EQ(request.words, (std::vector<std::string>{" I", " What", " can't", " is", " it", " say", " then",
                                                     " this", " what", "I", "What"}));
  request.size = vocabulary_size(request);
  const auto tokenizer = made(request, llama_decoder, metaspace);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  const auto pieces = [&](const char* text) { return tokenizer->encode(text)->size(); };
  EXPECT_EQ(pieces("What is this, then?"), 6U);
  EXPECT_EQ(pieces("I can't say what it is"), 6U);
  const auto ids = tokenizer->encode(sample_text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer->decode(*ids, false), sample_text);
}

TEST_F(SynthFiles, ByteLevelTokenizerHasItsSizeAndKeepsAnyText) {
  const nlohmann::ordered_json level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  const auto tokenizer = made({ByteTokens::level, {}, 1200, {"<|endoftext|>"}}, level, level);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  EXPECT_EQ(tokenizer->vocabulary_size(), 1201);
  EXPECT_EQ(tokenizer->token_id("<|endoftext|>"), 1200);
  const auto ids = tokenizer->encode(sample_text);
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer->decode(*ids, false), sample_text);
}

}  // namespace
}  // namespace holisafe::models
