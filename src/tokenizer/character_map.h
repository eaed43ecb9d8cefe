// SentencePiece's own normalizer: a trie from texts to what stands for them ("precompiled_charsmap" of the
// model file). The library follows it wherever it leads and lets it multiply text; here it is looked at
// first. Internal to this layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::tokenizer {

class CharacterMap {
 public:
  /// Most bytes of a text that the map replaces: matching takes their number times the input's.
  static constexpr std::size_t most_key_bytes = 256;
  /// Most keys that begin one another: as many as the library has room for.
  static constexpr std::size_t most_keys_in_line = 32;

  /// The map of a serialized model, empty where it has none. Errors: malformed (no protocol buffer, a map
  /// that leads outside itself or into a circle), too_large (longer keys, or more in line).
  static Result<CharacterMap> of_model(std::string_view model, const std::string& where);

  /// Bytes that `text` (UTF-8) has once it is normalized, each blank as the mark of three bytes that may
  /// stand for it. Counting ends above `most`.
  [[nodiscard]] std::size_t normalized_size(std::string_view text, std::size_t most) const;

 private:
  /// What stands for the beginning of a text.
  struct Match {
    std::size_t key_bytes = 0;  ///< 0: nothing does
    std::size_t place = 0;      ///< in values_, up to a NUL
  };

  [[nodiscard]] Result<void> check(const std::string& where) const;
  /// Where a node's value and children are. Errors: malformed (it leads outside).
  [[nodiscard]] Result<std::uint32_t> checked_base(std::uint32_t node, const std::string& where) const;
  [[nodiscard]] Match longest_match(std::string_view text) const;

  std::vector<std::uint32_t> units_;  ///< Darts-clone's double array; a node is its number in it
  std::string values_;
};

}  // namespace holisafe::tokenizer
