// Byte-pair encoding by ranked merges. Internal to this layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <simdjson.h>

#include "base/result.h"
#include "tokenizer/aligned_text.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::tokenizer {

/// Lets string_view look up string keys.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TokenIds = std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>>;

class Bpe {
 public:
  /// From the `model` of tokenizer.json. Errors: unsupported, missing, wrong_type, out_of_range (a merge of
  /// unknown tokens).
  static Result<Bpe> make(simdjson::dom::element json);

  /// Appends the tokens of one pre-token. Merges run from a heap: n log n in its length.
  void encode(const AlignedText& text, Encoding& out) const;

  [[nodiscard]] const TokenIds& ids() const { return ids_; }
  [[nodiscard]] bool byte_fallback() const { return byte_fallback_; }

 private:
  struct Merge {
    std::uint32_t rank;
    std::int32_t id;
  };
  struct Symbol {
    std::int32_t id;
    std::int32_t previous;
    std::int32_t next;
    AlignedText::Range origin;
    bool alive;
  };
  Result<void> read_merges(simdjson::dom::element json);
  [[nodiscard]] std::vector<Symbol> symbols(const AlignedText& text) const;
  void merge(std::vector<Symbol>& symbols) const;
  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }

  TokenIds ids_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::vector<std::int32_t> byte_ids_;  ///< <0x00> … <0xFF>; empty without byte fallback
  std::optional<std::int32_t> unknown_;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace holisafe::tokenizer
