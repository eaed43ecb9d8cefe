#include "judge/word.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace holisafe::judge {
namespace {

constexpr std::string_view open_tag = "<label>";
constexpr std::string_view close_tag = "</label>";

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view stripped(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) + 1 - first);
}

/// The answer's beginning on one line, in quotes.
std::string quoted(std::string_view answer) {
  constexpr std::size_t shown = 120;
  std::size_t end = std::min(answer.size(), shown);
  while (end > 0 && end < answer.size() && (static_cast<unsigned char>(answer[end]) & 0xc0U) == 0x80) --end;
  return "\"" + one_line(answer.substr(0, end)) + (end < answer.size() ? "…\"" : "\"");
}

Said none(const char* why, std::string_view answer) {
  return {std::nullopt, std::string(why) + ": " + quoted(answer)};
}

}  // namespace

Said read_word(std::string_view answer, std::span<const std::string_view> words) {
  const std::string text = lowered(answer);
  Said out;
  for (auto at = text.find(open_tag); at != std::string::npos; at = text.find(open_tag, at)) {
    at += open_tag.size();
    const auto end = text.find(close_tag, at);
    if (end == std::string::npos) return none("the judge's tag is not closed", answer);
    const auto said = stripped(std::string_view(text).substr(at, end - at));
    const auto place = std::find(words.begin(), words.end(), said);
    if (place == words.end()) return none("the judge's tag is no verdict", answer);
    const auto word = static_cast<std::size_t>(place - words.begin());
    if (out.word && *out.word != word) return none("the judge's tags contradict each other", answer);
    out.word = word;
  }
  if (!out.word) return none("no verdict tag in the judge's answer", answer);
  return out;
}

}  // namespace holisafe::judge
