// What the random checkpoints of all families share: a tokenizer of any size that encodes any text, weights
// drawn and written one tensor at a time, a random guard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::models {

/// How a tokenizer stands for bytes.
enum class ByteTokens {
  fallback,  ///< `<0x00>` to `<0xFF>` where no token fits, blanks as U+2581 (Llama, Gemma)
  level,     ///< every byte is a character of its own (GPT-2, Qwen)
};

struct SynthTokenizer {
  ByteTokens bytes = ByteTokens::fallback;
  std::vector<std::string> first;    ///< special tokens with the ids from 0
  std::int64_t size = 0;             ///< entries of the vocabulary, `first` included; at least 600
  std::vector<std::string> added;    ///< special tokens with the ids from `size` on
  std::vector<std::string> words{};  ///< each becomes one token, for which alone entries are made (fallback
                                     ///< only; a leading blank counts); empty: filler up to `size`
};

/// A tokenizer.json of byte pair encoding: special tokens, bytes, printable ASCII, then as many merges of
/// letters as the size asks for. Its normalizer, pre_tokenizer, post_processor and decoder are null: the
/// family fills in its own.
nlohmann::ordered_json synth_tokenizer(const SynthTokenizer& request);

/// The words of a text of one sentence a line, each with its leading blank; first words also without.
/// Punctuation at a word's end is none of it. Sorted, none twice.
std::vector<std::string> words_of(std::string_view text);

/// Entries that synth_tokenizer() makes for `words`, `first` included.
std::int64_t vocabulary_size(const SynthTokenizer& request);

/// Error usage: the request names a corpus, and its preset has a vocabulary of its own.
Result<void> refuse_corpus(const SynthRequest& request);

/// The config keys of a guard inside a checkpoint (two linear layers, hidden size halved between them).
void add_guard_keys(nlohmann::ordered_json& config);

struct SynthWeights {
  std::uint64_t seed = 0;
  torch::ScalarType dtype = torch::kFloat32;
  bool guard = false;  ///< img_safety_head.* as well
  std::function<std::string(const std::string& canonical)> file_name;
};

/// Draws and writes every weight that the model names, none of which need be loaded; no more than one tensor
/// is held at a time. Errors: those of checkpoint::write_weights.
Result<void> write_random_weights(const std::filesystem::path& folder, Model& model,
                                  const SynthWeights& weights);

}  // namespace holisafe::models
