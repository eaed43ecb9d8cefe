// Text to token ids and back, as the tokenizers library and SentencePiece do it.
//
//   auto tokenizer = Tokenizer::open("llava-1.5-7b-hf");
//   const std::vector<Piece> pieces{{"USER: ", true}, {prompt, false}, {" ASSISTANT:", true}};
//   auto encoding = tokenizer->encode(pieces);
//
// A prompt is a template with a user's text in it. Special tokens (`<image>`, `</s>`, …) are recognised in
// template text only: what a user types stays text. Everything else is as if the pieces were one string.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::tokenizer {

/// A part of the text to encode.
struct Piece {
  std::string_view text;       ///< UTF-8; must live through the call only
  bool allow_special = false;  ///< template text: special tokens in it become their ids
};

/// Bytes [begin, end) of the concatenated pieces that a token came from. Bytes of one character may share a
/// range.
struct Offsets {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Encoding {
  std::vector<std::int64_t> ids;
  std::vector<Offsets> offsets;  ///< one a token
};

class Vocabulary;  // what a file says; tokenizer/vocabulary.h

/// Immutable; copies share the vocabulary; thread-safe.
class Tokenizer {
 public:
  /// Reads tokenizer.json, or where there is none tokenizer.model (with added_tokens.json and
  /// tokenizer_config.json). Errors: not_found (neither), malformed, wrong_type, missing, unsupported (names
  /// the part that is not known).
  static Result<Tokenizer> open(const std::filesystem::path& folder);

  /// Ids of the pieces as one text, without the ids a template puts around it (bos_id). Linear in the text.
  /// Errors: invalid_utf8.
  Result<Encoding> encode(std::span<const Piece> pieces) const;
  /// The same for one text in which nothing is special.
  Result<std::vector<std::int64_t>> encode(std::string_view text) const;

  /// Id of a token by its exact content (an added token's, or a vocabulary entry's); nothing if there is
  /// none.
  [[nodiscard]] std::optional<std::int64_t> token_id(std::string_view content) const;
  /// Added tokens marked special, and those blocked with also_special().
  [[nodiscard]] bool is_special(std::int64_t id) const;
  /// A tokenizer for which these ids are special too, whatever the file says (a family's image tokens).
  [[nodiscard]] Tokenizer also_special(std::span<const std::int64_t> ids) const;

  [[nodiscard]] std::optional<std::int64_t> bos_id() const;
  [[nodiscard]] std::optional<std::int64_t> eos_id() const;
  /// One more than the highest id.
  [[nodiscard]] std::int64_t vocabulary_size() const;

  /// The text of a whole sequence. Unknown ids are left out. Bytes that are not UTF-8 become U+FFFD.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids, bool skip_special) const;

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::shared_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}
  std::shared_ptr<const Vocabulary> vocabulary_;
};

/// Decodes token by token: the pieces put together equal decode() of all ids; no piece ends inside a
/// character.
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special)
      : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

  /// Text that is certain after this token; may be empty.
  std::string push(std::int64_t id);
  /// What was held back.
  std::string finish();

 private:
  std::string flush_bytes();
  std::string settled(bool at_end);

  Tokenizer tokenizer_;
  bool skip_special_;
  bool at_start_ = true;
  std::string bytes_;    ///< a run of byte tokens, valid only as a whole
  std::string pending_;  ///< text that may end inside a character
};

}  // namespace holisafe::tokenizer
