#include "benchmarks/letters.h"

#include <algorithm>

#include "benchmarks/python_text.h"

namespace holisafe::benchmarks {

std::string letter(std::size_t option) { return {static_cast<char>('A' + option)}; }

std::string_view stripped_of_each(std::string_view text, std::string_view marks) {
  for (const char mark : marks) text = stripped_of(text, mark);
  return text;
}

std::ptrdiff_t last_place(std::string_view text, std::string_view part) {
  const auto at = text.rfind(part);
  return at == std::string_view::npos ? -1 : static_cast<std::ptrdiff_t>(at);
}

std::optional<std::size_t> last_of(const std::vector<Candidate>& candidates) {
  if (candidates.empty()) return std::nullopt;
  return std::max_element(candidates.begin(), candidates.end(),
                          [](const Candidate& a, const Candidate& b) { return a.place < b.place; })
      ->option;
}

}  // namespace holisafe::benchmarks
