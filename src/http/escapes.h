// `\uXXXX` in JSON's strings, wherever JSON is read as plain text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe::http {

/// A character written as `uXXXX`.
struct EscapedCharacter {
  char32_t code = 0;      ///< U+FFFD of half a surrogate pair
  std::size_t bytes = 0;  ///< of what was read; 0: there is no such escape
  bool half = false;      ///< half a surrogate pair
};

/// Reads `uXXXX` at the beginning of `text`, which follows a backslash; of a surrogate pair also `\uXXXX`
/// behind it.
EscapedCharacter escaped_character(std::string_view text);

std::string utf8_of(char32_t code);

/// JSON text with each half of a surrogate pair (`"\ud800"`), which is no character, as `\ufffd`.
std::string whole_surrogates(std::string json);

}  // namespace holisafe::http
