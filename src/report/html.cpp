// Escaping.
#include <fmt/format.h>

#include "base/markup.h"
#include "report/page.h"

namespace holisafe::report {
namespace {

/// Length of a character at the start of `text` that reorders text or hides in it (bidirectional controls,
/// zero-width characters, the byte order mark), or 0.
std::size_t invisible(std::string_view text) {
  if (text.size() < 3) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned rest = static_cast<unsigned>(byte(1)) << 8U | byte(2);
  if (byte(0) == 0xe2) {
    const bool hit = (rest >= 0x808b && rest <= 0x808f) || (rest >= 0x80a8 && rest <= 0x80ae) ||
                     (rest >= 0x81a0 && rest <= 0x81af);  // U+200B-200F, U+2028-202E, U+2060-206F
    return hit ? 3 : 0;
  }
  return byte(0) == 0xef && rest == 0xbbbf ? 3 : 0;  // U+FEFF
}

unsigned code_point(std::string_view three_bytes) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(three_bytes[i]));
  };
  return (byte(0) & 0x0fU) << 12U | (byte(1) & 0x3fU) << 6U | (byte(2) & 0x3fU);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (const std::string_view name = entity(c); !name.empty()) {
      out += name;
    } else if (c == '\'') {
      out += "&#39;";
    } else if (byte == 0x7f) {
      out += "\xe2\x90\xa1";  // U+2421
    } else if (byte < 0x20 && c != '\n' && c != '\t') {
      out += "\xe2\x90";  // U+2400 and on: signs for the control characters
      out += static_cast<char>(0x80 + byte);
    } else if (byte >= 0xe2 && invisible(text.substr(i)) > 0) {
      out += fmt::format("<span class=\"code\">U+{:04X}</span>", code_point(text.substr(i, 3)));
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace holisafe::report
