#include "http/said.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/escapes.h"
#include "base/text.h"

namespace holisafe::http {
namespace {

/// A body can have megabytes; what is said stands at its beginning.
constexpr std::size_t most_read = 64 << 10;

/// Undoes the escape at the beginning of `text`, if there is one; gives its bytes, or 0.
std::size_t undo(std::string_view text, std::string& out) {
  if (text.size() < 2 || text[0] != '\\') return 0;
  if (std::string_view("\"\\/").find(text[1]) != std::string_view::npos) {
    out += text[1];
    return 2;
  }
  if (std::string_view("bfnrt").find(text[1]) != std::string_view::npos) {
    out += ' ';
    return 2;
  }
  const EscapedCharacter found = escaped_character(text.substr(1));
  if (found.bytes == 0) return 0;
  out += found.code < 0x20 ? " " : utf8_of(found.code);
  return found.bytes + 1;
}

}  // namespace

std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t bytes = undo(text, out);
    if (bytes == 0) {
      out += text.front();
      bytes = 1;
    }
    text.remove_prefix(bytes);
  }
  return out;
}

bool is_page(std::string_view body) {
  body = strip(body.substr(0, most_read));
  return body.starts_with('<');
}

std::string page_name(std::string_view body) {
  body = body.substr(0, most_read);
  const std::string text = ascii_lower(body);
  const auto tag = text.find("<title");
  const auto begin = tag == std::string::npos ? tag : text.find('>', tag);
  const auto end = begin == std::string::npos ? begin : text.find("</title", begin);
  const bool html =
      text.find("<html") != std::string::npos || text.find("<!doctype html") != std::string::npos;
  const char* kind = html || end != std::string::npos ? "an HTML page" : "a page of markup";
  if (end == std::string::npos) return kind;
  return fmt::format("{} \"{}\"", kind, strip(body.substr(begin + 1, end - begin - 1)));
}

}  // namespace holisafe::http
