// Llama Guard 3 Vision and 4. The chat template of the server adds hazards and task; a first line after blank
// ones is `safe` or `unsafe`, the next has the hazards' codes.
#include <algorithm>

#include "base/text.h"
#include "guard_formats/chat_output.h"
#include "guard_formats/formats.h"

namespace holisafe::guard_formats {
namespace {

constexpr unsigned max_new_tokens = 32;

/// The next line that is not blank, without white space around it; empty after the last. `text` becomes what
/// follows.
std::string_view next_line(std::string_view& text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty()) return line;
  }
  return {};
}

/// "S1,S2"; nothing where the line is something else.
std::vector<std::string> codes_in(std::string_view line) {
  const auto is_code = [](std::string_view text) {
    return text.size() >= 2 && (text.front() == 'S' || text.front() == 's') &&
           std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  constexpr std::size_t longest = 4;
  std::vector<std::string> out;
  while (!line.empty()) {
    const auto end = std::min(line.find(','), line.size());
    const std::string_view code = strip(line.substr(0, end));
    if (!is_code(code) || code.size() > longest) return {};
    std::string name = "S" + std::string(code.substr(1));
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

Result<Reading> read(const Json& output) {
  HOLISAFE_TRY(const ChatOutput said, chat_output(output));
  std::string_view rest = said.text;
  const std::string_view line = next_line(rest);
  const std::string word = ascii_lower(line);
  if (word != "safe" && word != "unsafe") {
    constexpr std::size_t shown = 80;
    return Reading(tl::unexpected(
        Unread{"the first line is neither safe nor unsafe", line.empty() ? "" : excerpt(line, shown)}));
  }
  Finding out;
  out.flagged = word == "unsafe";
  out.score = share_of_word(said.tokens, "unsafe", "safe");
  if (*out.flagged) out.categories = codes_in(next_line(rest));
  return Reading(std::move(out));
}

Result<std::vector<Prompt>> prompts(const Policy& /*policy*/) { return std::vector<Prompt>(1); }

}  // namespace

const GuardFormat& llama_guard() {
  static const GuardFormat format{
      .name = "llama-guard",
      .title = "Llama Guard 3 Vision and 4",
      .read = read,
      .request = Request{chat_provider_with_probabilities, max_new_tokens, false, prompts, the_only_output}};
  return format;
}

}  // namespace holisafe::guard_formats
