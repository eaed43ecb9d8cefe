#include "benchmarks/vizwiz_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "benchmarks/python_text.h"

namespace holisafe::benchmarks::vizwiz {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 12> numbers = {{{"none", "0"},
                                           {"zero", "0"},
                                           {"one", "1"},
                                           {"two", "2"},
                                           {"three", "3"},
                                           {"four", "4"},
                                           {"five", "5"},
                                           {"six", "6"},
                                           {"seven", "7"},
                                           {"eight", "8"},
                                           {"nine", "9"},
                                           {"ten", "10"}}};

/// Sorted. Without the entries that change nothing, and those with capitals: words are looked up in lower
/// case.
constexpr std::array contractions = {
    Pair{"'ow'sat", "'ow's'at"},
    Pair{"'ows'at", "'ow's'at"},
    Pair{"aint", "ain't"},
    Pair{"arent", "aren't"},
    Pair{"cant", "can't"},
    Pair{"couldn'tve", "couldn't've"},
    Pair{"couldnt", "couldn't"},
    Pair{"couldnt've", "couldn't've"},
    Pair{"couldve", "could've"},
    Pair{"didnt", "didn't"},
    Pair{"doesnt", "doesn't"},
    Pair{"dont", "don't"},
    Pair{"hadn'tve", "hadn't've"},
    Pair{"hadnt", "hadn't"},
    Pair{"hadnt've", "hadn't've"},
    Pair{"hasnt", "hasn't"},
    Pair{"havent", "haven't"},
    Pair{"he'dve", "he'd've"},
    Pair{"hed", "he'd"},
    Pair{"hed've", "he'd've"},
    Pair{"hes", "he's"},
    Pair{"howd", "how'd"},
    Pair{"howll", "how'll"},
    Pair{"hows", "how's"},
    Pair{"isnt", "isn't"},
    Pair{"it'dve", "it'd've"},
    Pair{"itd", "it'd"},
    Pair{"itd've", "it'd've"},
    Pair{"itll", "it'll"},
    Pair{"maam", "ma'am"},
    Pair{"mightn'tve", "mightn't've"},
    Pair{"mightnt", "mightn't"},
    Pair{"mightnt've", "mightn't've"},
    Pair{"mightve", "might've"},
    Pair{"mustnt", "mustn't"},
    Pair{"mustve", "must've"},
    Pair{"neednt", "needn't"},
    Pair{"notve", "not've"},
    Pair{"oclock", "o'clock"},
    Pair{"oughtnt", "oughtn't"},
    Pair{"ow's'at", "'ow's'at"},
    Pair{"shant", "shan't"},
    Pair{"she'dve", "she'd've"},
    Pair{"shed've", "she'd've"},
    Pair{"shouldn'tve", "shouldn't've"},
    Pair{"shouldnt", "shouldn't"},
    Pair{"shouldnt've", "shouldn't've"},
    Pair{"shouldve", "should've"},
    Pair{"somebody'd", "somebodyd"},
    Pair{"somebody'dve", "somebody'd've"},
    Pair{"somebodyd've", "somebody'd've"},
    Pair{"somebodyll", "somebody'll"},
    Pair{"somebodys", "somebody's"},
    Pair{"someone'dve", "someone'd've"},
    Pair{"someoned", "someone'd"},
    Pair{"someoned've", "someone'd've"},
    Pair{"someonell", "someone'll"},
    Pair{"someones", "someone's"},
    Pair{"something'dve", "something'd've"},
    Pair{"somethingd", "something'd"},
    Pair{"somethingd've", "something'd've"},
    Pair{"somethingll", "something'll"},
    Pair{"thats", "that's"},
    Pair{"there'dve", "there'd've"},
    Pair{"thered", "there'd"},
    Pair{"thered've", "there'd've"},
    Pair{"therere", "there're"},
    Pair{"theres", "there's"},
    Pair{"they'dve", "they'd've"},
    Pair{"theyd", "they'd"},
    Pair{"theyd've", "they'd've"},
    Pair{"theyll", "they'll"},
    Pair{"theyre", "they're"},
    Pair{"theyve", "they've"},
    Pair{"twas", "'twas"},
    Pair{"wasnt", "wasn't"},
    Pair{"we'dve", "we'd've"},
    Pair{"wed've", "we'd've"},
    Pair{"werent", "weren't"},
    Pair{"weve", "we've"},
    Pair{"whatll", "what'll"},
    Pair{"whatre", "what're"},
    Pair{"whats", "what's"},
    Pair{"whatve", "what've"},
    Pair{"whens", "when's"},
    Pair{"whered", "where'd"},
    Pair{"wheres", "where's"},
    Pair{"whereve", "where've"},
    Pair{"who'dve", "who'd've"},
    Pair{"whod", "who'd"},
    Pair{"whod've", "who'd've"},
    Pair{"wholl", "who'll"},
    Pair{"whos", "who's"},
    Pair{"whove", "who've"},
    Pair{"whyll", "why'll"},
    Pair{"whyre", "why're"},
    Pair{"whys", "why's"},
    Pair{"wont", "won't"},
    Pair{"wouldn'tve", "wouldn't've"},
    Pair{"wouldnt", "wouldn't"},
    Pair{"wouldnt've", "wouldn't've"},
    Pair{"wouldve", "would've"},
    Pair{"y'all'dve", "y'all'd've"},
    Pair{"y'alld've", "y'all'd've"},
    Pair{"y'allll", "y'all'll"},
    Pair{"yall", "y'all"},
    Pair{"yall'd've", "y'all'd've"},
    Pair{"yall'll", "y'all'll"},
    Pair{"you'dve", "you'd've"},
    Pair{"youd", "you'd"},
    Pair{"youd've", "you'd've"},
    Pair{"youll", "you'll"},
    Pair{"youre", "you're"},
    Pair{"youve", "you've"},
};
static_assert(std::is_sorted(contractions.begin(), contractions.end()));

constexpr std::string_view punctuation = ";/[]\"{}()=+\\_-><@`,?!";
/// A count where flags were meant: re.sub(…, count=re.UNICODE).
constexpr int most_full_stops = 32;

/// Whether there is a comma between two digits.
bool has_thousands(std::string_view text) {
  for (auto at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
    if (digit_ends(text, at) && digit_begins(text, at + 1)) return true;
  }
  return false;
}

/// Each mark is taken out where it stands beside a space anywhere, and else becomes a space.
std::string without_punctuation(std::string_view text) {
  const bool all = has_thousands(text);
  std::array<bool, 256> beside_space{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool beside = (i > 0 && text[i - 1] == ' ') || (i + 1 < text.size() && text[i + 1] == ' ');
    if (beside) beside_space[static_cast<unsigned char>(text[i])] = true;
  }
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (punctuation.find(c) == std::string_view::npos) {
      out += c;
    } else if (!all && !beside_space[static_cast<unsigned char>(c)]) {
      out += ' ';
    }
  }
  return out;
}

/// Full stops go that no digit follows.
std::string without_full_stops(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  int left = most_full_stops;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && left > 0 && !digit_begins(text, i + 1)) {
      --left;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view looked_up(std::string_view word) {
  const auto* const number =
      std::find_if(numbers.begin(), numbers.end(), [&](const Pair& each) { return each.first == word; });
  if (number != numbers.end()) return number->second;
  const auto* const found =
      std::lower_bound(contractions.begin(), contractions.end(), word,
                       [](const Pair& each, std::string_view w) { return each.first < w; });
  return found != contractions.end() && found->first == word ? found->second : word;
}

/// Words between single spaces, articles left out.
std::string words_of(std::string_view text) {
  const std::string lower = lowered(text);
  std::string out;
  for (std::string_view rest = lower; !(rest = strip_front(rest)).empty();) {
    std::size_t end = 0;
    while (end < rest.size() && python_space(rest.substr(end)) == 0) ++end;
    const auto word = rest.substr(0, end);
    rest.remove_prefix(end);
    if (word == "a" || word == "an" || word == "the") continue;
    if (!out.empty()) out += ' ';
    out += looked_up(word);
  }
  return out;
}

}  // namespace

std::string normalized(std::string_view answer, Script script) {
  std::string text(answer);
  if (script == Script::lmms_eval) {
    text = lowered(text);
    std::erase_if(text, [](char c) { return c == ',' || c == '?'; });
    text = replaced(text, "'s", " 's");
    text = strip(std::string(text));
  }
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return words_of(without_full_stops(without_punctuation(strip(text))));
}

double accuracy(std::string_view answer, std::span<const std::string> truths, Script script) {
  const std::string said = normalized(answer, script);
  const auto same = std::count_if(truths.begin(), truths.end(), [&](const std::string& truth) {
    return script == Script::lmms_eval ? normalized(truth, script) == said : truth == said;
  });
  if (truths.empty()) return 0;
  // In thirds: of those who said it, and of those who did not.
  constexpr std::ptrdiff_t enough = 3;
  const auto others = static_cast<std::ptrdiff_t>(truths.size()) - same;
  const auto thirds = same * std::min(enough, same - 1) + others * std::min(enough, same);
  return static_cast<double>(thirds) / (3.0 * static_cast<double>(truths.size()));
}

}  // namespace holisafe::benchmarks::vizwiz
