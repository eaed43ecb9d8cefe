// All that a tokenizer file says. Internal to this layer.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/aligned_text.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::tokenizer {

/// What one token adds to the text when decoded.
struct Decoded {
  std::string bytes;
  bool byte_token = false;  ///< one byte of a run that is text only as a whole (byte fallback)
};

class Vocabulary {
 public:
  static Result<std::shared_ptr<Vocabulary>> from_json(const std::filesystem::path& folder);
  static Result<std::shared_ptr<Vocabulary>> from_sentencepiece(const std::filesystem::path& folder);

  std::deque<AddedToken> added;  ///< a deque: the finders point into it
  AddedTokenFinder before_normalizer;
  AddedTokenFinder after_normalizer;
  std::unordered_map<std::int64_t, const AddedToken*> added_by_id;
  std::set<std::int64_t> also_special;

  /// Gives at most `most` bytes. Errors: too_large.
  std::function<Result<AlignedText>(AlignedText, std::size_t most)> normalize;
  /// Bytes that the model's own normalizer makes of a text, counted until they are more than `most`; empty:
  /// it has none.
  std::function<std::size_t(std::string_view normalized, std::size_t most)> model_bytes;
  /// Encodes text without added tokens in it. `at_start`: it begins the whole input. Errors: too_large.
  std::function<Result<void>(const AlignedText& normalized, bool at_start, Encoding& out)> encode_model;
  std::function<std::optional<std::int64_t>(std::string_view)> model_id;
  /// Content of a token of the model; nothing if there is none.
  std::function<std::optional<Decoded>(std::int64_t)> decode_model;
  /// Content of an added token as it is decoded.
  std::function<Decoded(std::string)> decode_added;
  bool strips_first_space = false;  ///< decoding takes one leading space away
  std::int64_t size = 0;
  std::optional<std::int64_t> bos;
  std::optional<std::int64_t> eos;

  [[nodiscard]] bool is_special(std::int64_t id) const;
  /// Adds a token (normalize must be set): in `added`, the finders and the index. One whose content is there
  /// already replaces its marks. Errors: too_large (of more than a kilobyte), those of normalize.
  Result<void> add(AddedToken token);
};

/// Ids of the beginning and end tokens as tokenizer_config.json names them, and its added_tokens_decoder.
Result<void> read_tokenizer_config(const std::filesystem::path& folder, Vocabulary& vocabulary);

}  // namespace holisafe::tokenizer
