#include "base/escapes.h"

#include <charconv>

namespace holisafe {
namespace {

constexpr char32_t replacement = 0xfffd;

bool is_high(char32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(char32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

/// `uXXXX`; false where there is none.
bool read_unit(std::string_view text, char32_t& out) {
  constexpr std::size_t digits = 4;
  if (text.size() < digits + 1 || text[0] != 'u') return false;
  unsigned value = 0;
  const char* const end = text.data() + digits + 1;
  const auto [at, error] = std::from_chars(text.data() + 1, end, value, 16);
  out = value;
  return error == std::errc() && at == end;
}

}  // namespace

EscapedCharacter escaped_character(std::string_view text) {
  constexpr std::size_t unit_bytes = 5;
  char32_t first = 0;
  if (!read_unit(text, first)) return {};
  if (!is_high(first) && !is_low(first)) return {first, unit_bytes, false};
  char32_t second = 0;
  const std::string_view rest = text.substr(unit_bytes);
  const bool pair =
      is_high(first) && rest.starts_with('\\') && read_unit(rest.substr(1), second) && is_low(second);
  if (!pair) return {replacement, unit_bytes, true};
  return {0x10000 + ((first - 0xd800) << 10U) + (second - 0xdc00), 2 * unit_bytes + 1, false};
}

std::string utf8_of(char32_t code) {
  const auto byte = [](char32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  const auto more = [&](unsigned shift) { return byte(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | (code >> 6U)), more(0)};
  if (code < 0x10000) return {byte(0xe0 | (code >> 12U)), more(6), more(0)};
  return {byte(0xf0 | (code >> 18U)), more(12), more(6), more(0)};
}

bool replace_half_pairs(std::string& json) {
  bool out = false;
  for (std::size_t at = json.find('\\'); at != std::string::npos; at = json.find('\\', at)) {
    const EscapedCharacter found = escaped_character(std::string_view(json).substr(at + 1));
    if (found.half) json.replace(at + 2, 4, "fffd");
    out = out || found.half;
    at += 1 + (found.bytes == 0 ? 1 : found.bytes);
  }
  return out;
}

}  // namespace holisafe
