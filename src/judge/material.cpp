#include "judge/material.h"

#include <algorithm>

#include "base/text.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view tag_name = "label";

/// Whether a verdict's tag begins after the `<` that `text` begins with.
bool begins_tag(std::string_view text) {
  text = strip_front(text.substr(1));
  if (text.starts_with('/')) text = strip_front(text.substr(1));
  return text.size() >= tag_name.size() &&
         std::equal(tag_name.begin(), tag_name.end(), text.begin(),
                    [](char name, char c) { return name == ascii_lower(c); });
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
