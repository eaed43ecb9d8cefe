#include "models/synth_files.h"

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "models/guard_keys.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

constexpr std::string_view blank = "\xe2\x96\x81";  // U+2581

std::string utf8(unsigned code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | (code >> 6U)), static_cast<char>(0x80 | (code & 0x3FU))};
}

/// The character that stands for a byte in byte-level vocabularies: itself where printable, else the next
/// one from U+0100 on.
std::string byte_character(unsigned byte) {
  const auto printable = [](unsigned b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  if (printable(byte)) return utf8(byte);
  unsigned before = 0;
  for (unsigned b = 0; b < byte; ++b) before += printable(b) ? 0 : 1;
  return utf8(0x100 + before);
}

class Vocabulary {
 public:
  explicit Vocabulary(const SynthTokenizer& request) : size_(static_cast<std::size_t>(request.size)) {
    for (const std::string& token : request.first) add(token);
    const bool fallback = request.bytes == ByteTokens::fallback;
    for (unsigned byte = 0; byte < 256; ++byte) {
      add(fallback ? fmt::format("<0x{:02X}>", byte) : byte_character(byte));
    }
    if (fallback) {
      add(std::string(blank));
      for (unsigned c = '!'; c <= '~'; ++c) add(utf8(c));
    }
    if (request.words.empty())
      fill(fallback ? std::string(blank) : byte_character(' '));
    else
      add_words(request.words);
  }

  [[nodiscard]] std::size_t count() const { return count_; }

  nlohmann::ordered_json tokens = nlohmann::ordered_json::object();
  nlohmann::ordered_json merges = nlohmann::ordered_json::array();

 private:
  void add(const std::string& token) { tokens[token] = count_++; }

  /// A word grows from its first character by one at a time: every beginning of a word is a token. Words
  /// after a blank merge before others do, so that these never take letters from the middle of those.
  void add_words(const std::vector<std::string>& words) {
    std::set<std::string> known;
    for (const bool after_blank : {true, false}) {
      for (const std::string& word : words) {
        if (word.starts_with(' ') != after_blank) continue;
        std::string stem = after_blank ? std::string(blank) : word.substr(0, 1);
        for (const char letter : std::string_view(word).substr(1)) {
          if (known.insert(stem + letter).second) {
            merges.push_back(fmt::format("{} {}", stem, letter));
            add(stem + letter);
          }
          stem += letter;
        }
      }
    }
  }

  /// All pairs of a letter or blank and a letter, then all of such a pair and a letter, and so on: every
  /// token is made by one merge, and none twice.
  void fill(const std::string& gap) {
    std::vector<std::string> stems{gap};
    for (char c = 'a'; c <= 'z'; ++c) stems.emplace_back(1, c);
    while (count_ < size_) {
      std::vector<std::string> longer;
      for (const std::string& stem : stems) {
        for (char c = 'a'; c <= 'z' && count_ < size_; ++c) {
          longer.push_back(stem + c);
          merges.push_back(stem + " " + c);
          tokens_push(longer.back());
        }
      }
      stems = std::move(longer);
    }
  }

  // ordered_json looks a key up in linear time: the filler's are known to be new.
  void tokens_push(const std::string& token) {
    tokens.get_ref<nlohmann::ordered_json::object_t&>().push_back({token, count_++});
  }

  std::size_t size_;
  std::size_t count_ = 0;
};

nlohmann::ordered_json added_token(std::int64_t id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

checkpoint::TensorSource random_source(const std::string& name, const std::string& drawn_as,
                                       at::IntArrayRef sizes, const SynthWeights& weights) {
  const auto shape = at::empty(sizes, torch::TensorOptions().device(torch::kMeta).dtype(weights.dtype));
  checkpoint::TensorSource source = source_of(name, shape);
  source.write = [=, seed = weights.seed, dtype = weights.dtype](const WritePiece& write) {
    const auto drawn = random_weight(drawn_as, shape.sizes(), seed, dtype);
    return source_of(name, drawn).write(write);
  };
  return source;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  constexpr std::string_view marks = ".,:;!?";
  std::set<std::string> words;
  for (std::istringstream lines{std::string(text)}; lines.good();) {
    std::string line;
    std::getline(lines, line);
    std::istringstream parts(line);
    bool first = true;
    for (std::string word; parts >> word; first = false) {
      word.erase(word.find_last_not_of(marks) + 1);
      if (word.empty()) continue;
      words.insert(" " + word);
      if (first) words.insert(word);
    }
  }
  return {words.begin(), words.end()};
}

std::int64_t vocabulary_size(const SynthTokenizer& request) {
  return static_cast<std::int64_t>(Vocabulary(request).count());
}

nlohmann::ordered_json synth_tokenizer(const SynthTokenizer& request) {
  Vocabulary vocabulary(request);
  auto added = nlohmann::ordered_json::array();
  std::int64_t id = 0;
  for (const std::string& token : request.first) added.push_back(added_token(id++, token));
  id = request.size;
  for (const std::string& token : request.added) added.push_back(added_token(id++, token));
  const bool fallback = request.bytes == ByteTokens::fallback;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", fallback ? nlohmann::ordered_json("<unk>") : nlohmann::ordered_json()},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", fallback},
            {"byte_fallback", fallback},
            {"ignore_merges", false},
            {"vocab", std::move(vocabulary.tokens)},
            {"merges", std::move(vocabulary.merges)}}}};
}

Result<void> refuse_corpus(const SynthRequest& request) {
  if (request.corpus.empty()) return {};
  return fail(ErrorKind::usage, "cannot make checkpoint", "--corpus",
              fmt::format("preset {} has a vocabulary of its own", request.preset));
}

void add_guard_keys(nlohmann::ordered_json& config) { config.update(guard_keys::of_shape(0.5, 1, 1.0)); }

Result<void> write_random_weights(const std::filesystem::path& folder, Model& model,
                                  const SynthWeights& weights) {
  std::vector<checkpoint::TensorSource> sources;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    sources.push_back(
        random_source(weights.file_name(parameter.name), parameter.name, parameter.sizes(), weights));
  };
  model.visit(visitor);
  if (weights.guard) {
    const std::int64_t in = model.info().hidden_size;
    const std::int64_t middle = in / 2;
    const auto classes = static_cast<std::int64_t>(taxonomy::class_count);
    const std::string head = std::string(guard_keys::head) + "mlp.";
    const auto add = [&](const std::string& name, at::IntArrayRef sizes) {
      sources.push_back(random_source(head + name, head + name, sizes, weights));
    };
    add("0.weight", {middle, in});
    add("0.bias", {middle});
    add("3.weight", {classes, middle});
    add("3.bias", {classes});
  }
  return checkpoint::write_weights(folder, std::move(sources));
}

}  // namespace holisafe::models
