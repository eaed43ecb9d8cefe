#include "base/text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <simdjson.h>

namespace holisafe {
namespace {

/// Unicode's White_Space beyond ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F,
/// U+205F, U+3000.
constexpr std::array<std::string_view, 19> wide_spaces{
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

/// Bytes of the last character: back to one that continues no other.
std::size_t last_character(std::string_view text) {
  std::size_t size = std::min<std::size_t>(text.size(), 1);
  while (size < text.size() && size < 4 && continues_character(text[text.size() - size])) ++size;
  return size;
}

/// Of a well-formed character of two or three bytes.
unsigned code_point(std::string_view character) {
  const auto low = [&](std::size_t i) { return static_cast<unsigned char>(character[i]) & 0x3fU; };
  const unsigned first = static_cast<unsigned char>(character[0]);
  return character.size() == 2 ? ((first & 0x1fU) << 6U) | low(1)
                               : ((first & 0x0fU) << 12U) | (low(1) << 6U) | low(2);
}

/// Whether a character of two or three bytes steers a terminal or turns the direction of text.
bool steers(unsigned code) {
  return code <= 0x9f || code == 0x061c || code == 0x200e || code == 0x200f ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/// Whether none of `text` needs a closer look: no control, and of the bytes that begin what steers() none.
bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f;
  });
}

}  // namespace

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(i < text.size() ? text[i] : '\0');
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool bad = (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string as_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    out += size > 0 ? text.substr(0, size) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string visible(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0 || (size == 1 && (byte < 0x20 || byte == 0x7f) && byte != '\n' && byte != '\t')) {
      out += fmt::format("\\x{:02x}", byte);
    } else if ((size == 2 || size == 3) && steers(code_point(character))) {
      out += fmt::format("\\u{:04x}", code_point(character));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string visible_json(std::string_view json) {
  if (is_plain(json)) return std::string(json);
  std::string out;
  out.reserve(json.size() + 16);
  while (!json.empty()) {
    const std::size_t size = std::max<std::size_t>(utf8_length(json), 1);
    const std::string_view character = json.substr(0, size);
    const bool escaped =
        json.front() == '\x7f' || ((size == 2 || size == 3) && steers(code_point(character)));
    if (escaped) {
      out += fmt::format("\\u{:04x}", size == 1 ? 0x7fU : code_point(character));
    } else {
      out += character;
    }
    json.remove_prefix(size);
  }
  return out;
}

std::size_t detail::wide_space(std::string_view text) {
  if (text.front() != '\xC2' && (text.front() < '\xE1' || text.front() > '\xE3'))
    return 0;  // most characters
  for (const std::string_view space : wide_spaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

bool nests_deeper(std::string_view json, std::size_t most) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    switch (json[i]) {
      case '[':
      case '{':
        if (++depth > most) return true;
        break;
      case ']':
      case '}':
        depth -= depth > 0 ? 1 : 0;
        break;
      case '"':
        for (++i; i < json.size() && json[i] != '"'; ++i) i += json[i] == '\\' ? 1 : 0;
        break;
      default:
        break;
    }
  }
  return false;
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return ascii_lower(c); });
  return out;
}

std::string_view strip_front(std::string_view text) {
  while (const std::size_t size = python_space(text)) text.remove_prefix(size);
  return text;
}

std::string_view strip(std::string_view text) {
  text = strip_front(text);
  while (!text.empty()) {
    const std::size_t size = last_character(text);
    if (python_space(text.substr(text.size() - size)) != size) break;
    text.remove_suffix(size);
  }
  return text;
}

}  // namespace holisafe
