#include "http/query.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace holisafe::http {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t used = 1;
    char c = text.front() == '+' ? ' ' : text.front();
    if (c == '%') {
      used = 3;
      unsigned char byte = 0;
      const auto digits = text.substr(1, 2);
      const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (digits.size() < 2 || fault != std::errc() || end != digits.data() + 2) return std::nullopt;
      c = static_cast<char>(byte);
    }
    out += c;
    text.remove_prefix(used);
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<Query> read_query(std::string_view text) {
  Query out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    auto name = decoded(part.substr(0, equals));
    auto value = decoded(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) return std::nullopt;
    out.emplace_back(*std::move(name), *std::move(value));
  }
  return out;
}

}  // namespace holisafe::http
