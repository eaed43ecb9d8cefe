// `\uXXXX` in JSON's strings, wherever JSON is read as plain text, and characters as UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe {

/// A character written as `uXXXX`.
struct EscapedCharacter {
  char32_t code = 0;      ///< U+FFFD of half a surrogate pair
  std::size_t bytes = 0;  ///< of what was read; 0: there is no such escape
  bool half = false;      ///< half a surrogate pair
};

/// Reads `uXXXX` at the beginning of `text`, which follows a backslash; of a surrogate pair also `\uXXXX`
/// behind it.
EscapedCharacter escaped_character(std::string_view text);

/// The bytes of a character.
std::string utf8_of(char32_t code);

/// Makes halves of surrogate pairs in JSON text (`"\ud800"`), which are no characters, `\ufffd`, in place.
/// Whether there were any.
bool replace_half_pairs(std::string& json);

}  // namespace holisafe
