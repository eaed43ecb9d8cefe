#include "base/text.h"

#include <algorithm>
#include <array>

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
  while (size < text.size() && size < 4 &&
         (static_cast<unsigned char>(text[text.size() - size]) & 0xC0) == 0x80)
    ++size;
  return size;
}

}  // namespace

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

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

std::string_view strip(std::string_view text) {
  while (const std::size_t size = python_space(text)) text.remove_prefix(size);
  while (!text.empty()) {
    const std::size_t size = last_character(text);
    if (python_space(text.substr(text.size() - size)) != size) break;
    text.remove_suffix(size);
  }
  return text;
}

}  // namespace holisafe
