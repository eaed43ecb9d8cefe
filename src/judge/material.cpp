#include "judge/material.h"

#include <algorithm>

#include "base/text.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view tag_name = "label";

std::string_view without_blanks(std::string_view text) {
  while (const std::size_t length = python_space(text)) text.remove_prefix(length);
  return text;
}

/// Whether a verdict's tag begins after the `<` that `text` begins with.
bool begins_tag(std::string_view text) {
  text = without_blanks(text.substr(1));
  if (text.starts_with('/')) text = without_blanks(text.substr(1));
  return text.size() >= tag_name.size() &&
         std::equal(tag_name.begin(), tag_name.end(), text.begin(),
                    [](char name, char c) { return name == (c >= 'A' && c <= 'Z' ? c + 32 : c); });
}

}  // namespace

std::string defused(std::string_view text, std::string_view key) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto rest = text.substr(at);
    const bool tag = rest.front() == '<' && begins_tag(rest);
    if (tag || (!key.empty() && rest.starts_with(key))) {
      out += defused_bracket;
    } else {
      out += rest.front();
    }
  }
  return out;
}

}  // namespace holisafe::judge
