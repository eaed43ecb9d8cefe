#include "judge/answer.h"

#include "base/text.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view open_tag = "<think>";
constexpr std::string_view close_tag = "</think>";

/// Where the reasoning in a text stands.
struct Blocks {
  std::size_t answer = 0;  ///< the first byte after the last end
  bool any = false;
  bool open = false;  ///< whether one begins after that and does not end
};

/// One pass: `<` is rare in what models say.
Blocks blocks_in(std::string_view text) {
  Blocks out;
  for (auto at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const auto rest = text.substr(at);
    if (rest.starts_with(close_tag)) {
      out = {at + close_tag.size(), true, false};
    } else if (rest.starts_with(open_tag)) {
      out.any = out.open = true;
    }
  }
  return out;
}

}  // namespace

std::optional<std::string_view> answer_in(std::string_view text) {
  const Blocks blocks = blocks_in(text);
  if (blocks.open) return std::nullopt;
  const auto said = strip_front(text.substr(blocks.answer));
  if (said.empty()) return std::nullopt;
  return blocks.any ? said : text;
}

bool holds_reasoning(std::string_view text) { return blocks_in(text).any; }

}  // namespace holisafe::judge
