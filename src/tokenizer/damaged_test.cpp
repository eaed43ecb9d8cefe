// A checkpoint's JSON, weight headers and tokenizer files with damage: they are read, or refused by name in
// one line; never a crash, and never long.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/chat_template.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/damaged_copy.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::tokenizer {
namespace {

namespace fs = std::filesystem;

std::string shard(const std::string& header) {
  std::string out(8, '\0');
  out[0] = static_cast<char>(header.size() & 0xFFU);
  out[1] = static_cast<char>(header.size() >> 8U);
  return out + header;
}

/// A checkpoint of a few tensors with every file that these layers read; a SentencePiece model in the place
/// of tokenizer.json where one is given.
std::map<std::string, std::string> sound_files(const std::string& sentencepiece) {
  std::map<std::string, std::string> out{
      {"config.json",
       R"({"model_type":"llava","text_config":{"hidden_size":8,"rms_norm_eps":1e-05,"rope_scaling":{"type":"linear","factor":2.0}},)"
       R"("architectures":["X"],"quantization_config":null,"image_token_index":32000,"tie_word_embeddings":false})"},
      {"tokenizer_config.json",
       R"({"bos_token":{"content":"<s>","special":true},"eos_token":"</s>","added_tokens_decoder":{"7":{"content":"<pad>","special":true,)"
       R"("normalized":false}},"chat_template":[{"name":"default","template":"{% for m in messages %}{{ m['content'] }}{% endfor %}"}]})"},
      {"added_tokens.json", R"({"<image>": 600, "<x>": 601})"},
      {"chat_template.json", R"({"chat_template": "{{ bos_token }}{# c #}{%- if a -%} x {%- endif %}"})"},
      {"generation_config.json", R"({"eos_token_id":[1,2],"temperature":0.5})"},
      {"model.safetensors.index.json",
       R"({"metadata":{"total_size":48},"weight_map":{"a.weight":"model-1.safetensors","b.weight":"model-2.safetensors"}})"},
      {"model-1.safetensors",
       shard(
           R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})") +
           std::string(24, 'x')},
      {"model-2.safetensors",
       shard(R"({"b.weight":{"dtype":"BF16","shape":[3,4],"data_offsets":[0,24]}})") + std::string(24, 'y')},
  };
  if (!sentencepiece.empty()) {
    out["tokenizer.model"] = sentencepiece;
    return out;
  }
  out["tokenizer.json"] =
      R"({"version":"1.0","added_tokens":[{"id":9,"content":"<image>","special":true,"lstrip":true},{"id":10,"content":"ab b","normalized":true}],)"
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"},{"type":"NFC"}]},)"
      R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{L}+|\\s+"},"behavior":"Isolated","invert":false}]},)"
      R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)"
      R"("model":{"type":"BPE","byte_fallback":true,"fuse_unk":true,"unk_token":"<unk>","vocab":{"a":0,"b":1,"ab":2,"▁":3,"<0xC3>":4,"<0xA9>":5,"▁a":6,"<unk>":7,"abb":8},"merges":["a b","▁ a",["ab","b"]]}})";
  return out;
}

class DamagedCheckpoints : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

  /// Reads and uses all of it; what was refused is counted, and must be one short line of a kind.
  void read() {
    check(checkpoint::Checkpoint::open(folder_));
    const auto shown = checkpoint::read_chat_template(folder_);
    if (check(shown) && *shown) static_cast<void>(checkpoint::normal_form((*shown)->text));
    const auto tokenizer = Tokenizer::open(folder_);
    if (!check(tokenizer)) return;
    const std::vector<Piece> pieces{{"<s>a <image>", true}, {"ab bébab \xe6\x97\xa5<pad>", false}};
    const auto encoded = tokenizer->encode(pieces);
    if (!check(encoded)) return;
    for (const auto& range : encoded->offsets) EXPECT_LE(range.begin, range.end);
    static_cast<void>(tokenizer->decode(encoded->ids, false));
  }

  template <class T>
  bool check(const Result<T>& found) {
    ++(found ? used_ : refused_);
    if (found) return true;
    const std::string message = found.error().message();
    EXPECT_NE(found.error().kind, ErrorKind::internal) << message;
    EXPECT_LE(message.size(), 600U);
    EXPECT_EQ(message.find_first_of("\n\r\x1b"), std::string::npos) << message;
    return false;
  }

  /// Copies of the files with one of them damaged.
  void damage(const std::map<std::string, std::string>& files, int copies) {
    for (const auto& [name, bytes] : files) put(name, bytes);
    read();
    ASSERT_EQ(refused_, 0);
    std::mt19937 random(14);
    for (int i = 0; i < copies; ++i) {
      SCOPED_TRACE(i);
      const auto place = std::next(files.begin(), static_cast<std::ptrdiff_t>(random() % files.size()));
      put(place->first, checkpoint::damaged_copy(place->second, random));
      read();
      put(place->first, place->second);
    }
    EXPECT_GT(refused_, copies / 3) << "the damage is none";
    EXPECT_GT(used_, copies / 3) << "nothing is read";
  }

  fs::path folder_ =
      fs::temp_directory_path() / ("holisafe_damaged_checkpoint_" + std::to_string(::getpid()));
  int used_ = 0;
  int refused_ = 0;
};

TEST_F(DamagedCheckpoints, AreReadOrRefused) { damage(sound_files(""), 1000); }

TEST_F(DamagedCheckpoints, WithASentencePieceModelToo) {
  const auto corpus = fs::path(HOLISAFE_SOURCE_DIR) / "src/tokenizer/testdata/corpus/sentencepiece_fuzz";
  for (const char* name : {"bpe.model", "unigram.model", "charsmap.model"}) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    used_ = refused_ = 0;
    damage(sound_files(read_file(corpus / name).value()), 300);
  }
}

}  // namespace
}  // namespace holisafe::tokenizer
