// Text as bytes of UTF-8: whether it is that, and which characters are white space.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe {

/// What may stand before UTF-8 to say that it is that.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Whether a byte of UTF-8 is not the first of its character.
constexpr bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// Lower case of A to Z; all else stays.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
std::string ascii_lower(std::string_view text);

/// Whether all of `text` is UTF-8: no surrogate, nothing overlong, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Bytes of the well-formed character at the start of `text` (Unicode 15, table 3-7); 0 where there is none.
std::size_t utf8_length(std::string_view text);

/// The text with U+FFFD for each byte that is part of no character.
std::string as_utf8(std::string_view text);

/// Makes text that cannot steer a terminal: controls (U+0000 to U+001F, U+007F to U+009F), characters that
/// turn the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) and bytes that are
/// no UTF-8 are escaped. Line ends and tabs stay.
std::string visible(std::string_view text);
/// The same for JSON, where these stand in strings alone: as `\uXXXX`.
std::string visible_json(std::string_view json);

namespace detail {
/// white_space() of a text that does not begin with an ASCII character.
std::size_t wide_space(std::string_view text);
}  // namespace detail

/// Bytes of the character at the start of `text` where it has Unicode's property White_Space, else 0.
inline std::size_t white_space(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text.front());
  if (first >= 0x80) return detail::wide_space(text);
  return first == ' ' || (first >= '\t' && first <= '\r') ? 1 : 0;
}

/// The same where Python's str.isspace() holds for it: of Unicode's, and the separators U+001C to U+001F.
inline std::size_t python_space(std::string_view text) {
  if (!text.empty() && text.front() >= '\x1c' && text.front() <= '\x1f') return 1;
  return white_space(text);
}

/// Whether brackets and braces outside strings go deeper than `most` levels: what is asked before JSON is
/// parsed, in one pass over the bytes. Of text that is no JSON the answer means nothing.
bool nests_deeper(std::string_view json, std::size_t most);

/// Without white space before the first character; that of strip().
std::string_view strip_front(std::string_view text);
/// Without white space at both ends, as Python's str.strip() and so the trim of chat templates.
std::string_view strip(std::string_view text);

}  // namespace holisafe
