#include "benchmarks/mme_realworld_rules.h"

#include <array>

#include "base/text.h"
#include "benchmarks/python_text.h"

namespace holisafe::benchmarks::mme_realworld {
namespace {

/// Two commas are missing in the authors' list, which makes four beginnings two.
constexpr std::array<std::string_view, 6> authors_openings = {"The best answer is",
                                                              "The correct answer is",
                                                              "The answer is",
                                                              "The answer",
                                                              "The best option isThe correct option is",
                                                              "Best answer:Best option:"};
constexpr std::array<std::string_view, 8> lmms_eval_openings = {
    "The best answer is", "The correct answer is", "The answer is", "The answer",
    "The best option is", "The correct option is", "Best answer:",  "Best option:"};

constexpr std::string_view letters = "ABCDE";
constexpr std::size_t many_words = 10;

std::string without(std::string_view answer, std::span<const std::string_view> openings) {
  std::string out(strip(answer));
  for (const std::string_view opening : openings) out = replaced(out, opening, "");
  return out;
}

}  // namespace

std::optional<char> chosen_letter(std::string_view answer, std::span<const std::string> options,
                                  Script script) {
  const bool authors = script == Script::authors;
  const std::string text = authors ? without(answer, authors_openings) : without(answer, lmms_eval_openings);
  if (const auto at = text.find_first_of(letters); at != std::string::npos) return text[at];
  if (count_words(text) > many_words) return std::nullopt;
  const std::string lower = lowered(text);
  if (!authors) {
    for (const char each : letters) {
      const std::string option = {'(', ascii_lower(each), ')'};
      if (option.find(lower) != std::string::npos) return each;
    }
    return std::nullopt;
  }
  for (const std::string& option : options) {
    if (lowered(option).find(lower) == std::string::npos) continue;
    const std::size_t second = byte_of_character(option, 1);
    if (second < option.size()) return option[second];
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace holisafe::benchmarks::mme_realworld
