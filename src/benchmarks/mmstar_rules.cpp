#include "benchmarks/mmstar_rules.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"
#include "benchmarks/python_text.h"

namespace holisafe::benchmarks::mmstar {
namespace {

/// The letter is looked for in four places at the beginning, whatever follows it.
std::optional<std::size_t> by_authors(std::string_view answer) {
  const std::string lower = lowered(answer);
  std::string text(strip(lower));
  std::replace(text.begin(), text.end(), '\n', ' ');
  constexpr std::array<std::string_view, 4> openings = {"", "(", "option ", "the answer is "};
  for (const std::string_view opening : openings) {
    if (!text.starts_with(opening) || text.size() == opening.size()) continue;
    const char found = text[opening.size()];
    if (found >= 'a' && found < static_cast<char>('a' + options))
      return static_cast<std::size_t>(found - 'a');
  }
  return std::nullopt;
}

/// What announces an answer, lower case.
constexpr std::array<std::string_view, 27> phrases = {
    "the answer is",
    "answer is",
    "the correct answer is",
    "correct answer is",
    "the best answer is",
    "best answer is",
    "the correct option is",
    "correct option is",
    "the best option is",
    "best option is",
    "the choice is",
    "choice is",
    "the correct choice is",
    "correct choice is",
    "i choose",
    "i select",
    "i pick",
    "my answer is",
    "my choice is",
    "\xec\x98\xb5\xec\x85\x98",              // option (Korean)
    "\xec\xa0\x95\xeb\x8b\xb5\xec\x9d\x80",  // the right answer is
    "\xeb\x8b\xb5\xec\x9d\x80",              // the answer is
    "\xeb\x8b\xb5:",                         // answer:
    "\xe7\xad\x94\xe6\xa1\x88\xe6\x98\xaf",  // the answer is (Chinese)
    "\xe7\xad\x94\xe6\xa1\x88\xe4\xb8\xba",  // the answer is
    "\xe9\x80\x89",                          // choose
    "\xe7\xad\x94\xe3\x81\x88\xe3\x81\xaf",  // the answer is (Japanese)
};

/// What most of them end with: where it is nowhere, neither are they.
constexpr std::array<std::string_view, 3> endings = {"answer is", "option is", "choice is"};

/// A form of letters and how much it says.
struct Form {
  std::string_view before;
  std::string_view behind;
  int rank = 0;
};

constexpr std::array forms = {Form{"(", ")", 6}, Form{"", ".", 5}, Form{"", ":", 4}, Form{"", ")", 3},
                              Form{"", " ", 2}};
constexpr int rank_start = 10;
constexpr int rank_end = 9;
constexpr int rank_phrase = 7;
constexpr int rank_anywhere = 0;

/// The best candidate so far: of the form that says most, of these the last, of these the first found.
class Best {
 public:
  void offer(std::size_t option, std::size_t place, int rank) {
    if (option_ && (rank < rank_ || (rank == rank_ && place <= place_))) return;
    option_ = option;
    place_ = place;
    rank_ = rank;
  }
  [[nodiscard]] std::optional<std::size_t> option() const { return option_; }

 private:
  std::optional<std::size_t> option_;
  std::size_t place_ = 0;
  int rank_ = 0;
};

/// The first place of each letter behind the first of each phrase. Phrases are found in the lower case, whose
/// characters are counted, not its bytes: that is where the script goes on in the text.
void offer_behind_phrases(const std::string& text, Best& best) {
  const std::string lower = lowered(text);
  std::array<bool, endings.size()> absent{};
  for (std::size_t i = 0; i < endings.size(); ++i) absent[i] = lower.find(endings[i]) == std::string::npos;
  for (const std::string_view phrase : phrases) {
    bool possible = true;
    for (std::size_t i = 0; i < endings.size(); ++i) possible &= !absent[i] || !phrase.ends_with(endings[i]);
    if (!possible) continue;
    const auto at = lower.find(phrase);
    if (at == std::string::npos) continue;
    const auto characters = count_characters(std::string_view(lower).substr(0, at + phrase.size()));
    const std::size_t after = byte_of_character(text, characters);
    for (std::size_t i = 0; i < options; ++i) {
      const auto place = text.find(letter(i), after);
      if (place != std::string::npos) best.offer(i, place, rank_phrase);
    }
  }
}

/// Letters that begin or end the text and are no part of a word.
void offer_at_ends(const std::string& text, Best& best) {
  const std::string_view inner = strip(text);
  if (inner.empty()) return;
  const auto option_of = [](char c) -> std::optional<std::size_t> {
    if (c < 'A' || c >= static_cast<char>('A' + options)) return std::nullopt;
    return static_cast<std::size_t>(c - 'A');
  };
  if (const auto first = option_of(inner.front()); first && !letter_begins(inner, 1))
    best.offer(*first, 0, rank_start);
  if (const auto last = option_of(inner.back()); last && !letter_ends(inner, inner.size() - 1))
    best.offer(*last, text.size() - 1, rank_end);
}

std::optional<std::size_t> by_lmms_eval(std::string_view answer) {
  answer = strip(answer);
  if (answer.empty()) return std::nullopt;
  const std::string text = " " + std::string(stripped_of_each(answer, ",.!?;:'\"")) + " ";
  Best best;
  for (const Form& form : forms) {
    for (std::size_t i = 0; i < options; ++i) {
      const auto place = text.rfind(std::string(form.before) + letter(i) + std::string(form.behind));
      if (place != std::string::npos) best.offer(i, place, form.rank);
    }
  }
  offer_behind_phrases(text, best);
  offer_at_ends(text, best);
  if (best.option()) return best.option();
  for (std::size_t i = 0; i < options; ++i) {
    const auto place = text.rfind(letter(i));
    if (place != std::string::npos) best.offer(i, place, rank_anywhere);
  }
  return best.option();
}

}  // namespace

std::optional<std::size_t> chosen_option(std::string_view answer, Script script) {
  return script == Script::authors ? by_authors(answer) : by_lmms_eval(answer);
}

}  // namespace holisafe::benchmarks::mmstar
