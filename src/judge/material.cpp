#include "judge/material.h"

#include <algorithm>

#include "base/text.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view tag_name = "label";

/// Bytes of a verdict's tag up to the end of its name, where `text` begins with one; else 0.
std::size_t tag_bytes(std::string_view text) {
  if (!text.starts_with('<')) return 0;
  std::string_view rest = strip_front(text.substr(1));
  if (rest.starts_with('/')) rest = strip_front(rest.substr(1));
  const bool tag =
      rest.size() >= tag_name.size() && std::equal(tag_name.begin(), tag_name.end(), rest.begin(),
                                                   [](char name, char c) { return name == ascii_lower(c); });
  return tag ? text.size() - rest.size() + tag_name.size() : 0;
}

}  // namespace

std::string defused(std::string_view text, KeyAt key_at) {
  return defused(text, key_at, [](std::size_t, std::size_t) { return true; });
}

std::string defused(std::string_view text, KeyAt key_at, const ChosenTag& chosen) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t key = key_at == nullptr ? 0 : key_at(text, at);
    const std::size_t bytes = key > 0 ? key : tag_bytes(text.substr(at));
    if (bytes > 0 && chosen(at, at + bytes)) {
      out += defused_bracket;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace holisafe::judge
