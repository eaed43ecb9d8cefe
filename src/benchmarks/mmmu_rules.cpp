#include "benchmarks/mmmu_rules.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "benchmarks/python_text.h"

namespace holisafe::benchmarks::mmmu {
namespace {

/// A form that a letter may have in an answer: where one stands, and where its last place is looked for.
struct LetterForm {
  std::string_view before;
  std::string_view behind;
  std::string_view last_before;
  std::string_view last_behind;
};

constexpr std::array authors_forms{LetterForm{"(", ")", "(", ")"}, LetterForm{" ", " ", " ", " "}};
constexpr std::array lmms_eval_forms{LetterForm{"(", ")", "(", ")"}, LetterForm{"", " ", " ", " "},
                                     LetterForm{"", ".", " ", " "}};

std::vector<Candidate> by_letter(const std::string& text, std::size_t options, const LetterForm& form) {
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < options; ++i) {
    const auto written = [&](std::string_view before, std::string_view behind) {
      return std::string(before) + letter(i) + std::string(behind);
    };
    if (text.find(written(form.before, form.behind)) == std::string::npos) continue;
    out.push_back({i, last_place(text, written(form.last_before, form.last_behind))});
  }
  return out;
}

std::vector<Candidate> by_text(const std::string& text, const std::vector<std::string>& options) {
  std::vector<Candidate> out;
  const std::string lower = lowered(text);
  for (std::size_t i = 0; i < options.size(); ++i) {
    const auto place = last_place(lower, lowered(options[i]));
    if (place >= 0) out.push_back({i, place});
  }
  return out;
}

/// The pieces that the open rule looks into: what stands last behind a word that announces an answer.
std::vector<std::string> key_pieces(std::string_view answer) {
  constexpr std::array<std::string_view, 9> signs = {"could be ", "so ",     "is ",     "thus ", "therefore ",
                                                     "final ",    "answer ", "result ", "="};
  constexpr std::array<std::string_view, 7> trivial = {":", ",", ".", "!", "?", ";", "'"};
  const std::string text = lowered(stripped_of(strip(answer), '.'));
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (true) {
    const auto end = text.find('\n', begin);
    const bool last = end == std::string::npos;
    const auto line = std::string_view(text).substr(begin, last ? std::string::npos : end - begin);
    std::string_view shortest;
    // `=` counts in the last line alone.
    for (std::size_t i = 0; i < signs.size() - (last ? 0 : 1); ++i) {
      const auto at = line.rfind(signs[i]);
      if (at == std::string_view::npos) continue;
      const auto tail = strip(line.substr(at + signs[i].size()));
      if (shortest.empty() || count_characters(tail) < count_characters(shortest)) shortest = tail;
    }
    if (!shortest.empty() && std::find(trivial.begin(), trivial.end(), shortest) == trivial.end())
      out.emplace_back(shortest);
    if (last) break;
    begin = end + 1;
  }
  if (out.empty()) out.push_back(text);
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Where the digits that begin at `at` end.
std::size_t digits_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// Whether `[eE][+-]?\d+` stands at `at`; then its end.
std::optional<std::size_t> exponent_end(std::string_view text, std::size_t at) {
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return std::nullopt;
  ++at;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  const std::size_t end = digits_end(text, at);
  return end > at ? std::optional(end) : std::nullopt;
}

using Match = std::optional<std::size_t>;  // where it ends

/// `\b\d{1,3}(?:,\d{3})+\b`
Match number_with_commas(std::string_view text, std::size_t at) {
  const std::size_t first = digits_end(text, at);
  if (first == at || first - at > 3 || word_ends(text, at)) return std::nullopt;
  Match out;
  for (std::size_t end = first; end + 4 <= text.size() && text[end] == ',';) {
    if (!is_digit(text[end + 1]) || !is_digit(text[end + 2]) || !is_digit(text[end + 3])) break;
    end += 4;
    if (!word_begins(text, end)) out = end;
  }
  return out;
}

/// `\d+(?:\.\d+)?[eE][+-]?\d+`
Match scientific_number(std::string_view text, std::size_t at) {
  const std::size_t whole = digits_end(text, at);
  if (whole == at) return std::nullopt;
  if (whole < text.size() && text[whole] == '.') {
    const std::size_t fraction = digits_end(text, whole + 1);
    return fraction > whole + 1 ? exponent_end(text, fraction) : std::nullopt;
  }
  return exponent_end(text, whole);
}

/// `(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])`
Match simple_number(std::string_view text, std::size_t at) {
  const auto allowed = [&](std::size_t end) {
    return !exponent_end(text, end) && (end >= text.size() || (text[end] != ',' && !is_digit(text[end])));
  };
  const std::size_t whole = digits_end(text, at);
  if (whole < text.size() && text[whole] == '.') {
    const std::size_t fraction = digits_end(text, whole + 1);
    if (fraction > whole + 1 && allowed(fraction)) return fraction;
  }
  if (whole > at && !word_begins(text, whole) && allowed(whole)) return whole;
  return std::nullopt;
}

/// re.findall() of `-?` and a pattern.
void find_all(std::string_view text, Match (*pattern)(std::string_view, std::size_t),
              std::vector<std::string>& out) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    const std::size_t number = text[at] == '-' ? at + 1 : at;
    if (const Match end = pattern(text, number)) {
      out.emplace_back(text.substr(begin, *end - begin));
      at = *end;
    } else {
      // No pattern fits a later digit of a run whose first it doesn't fit.
      at = std::max(digits_end(text, at), at + 1);
    }
  }
}

void add_normalized(std::string_view text, std::vector<Piece>& out) {
  text = strip(text);
  std::string without_commas(text);
  without_commas.erase(std::remove(without_commas.begin(), without_commas.end(), ','), without_commas.end());
  if (const auto number = parsed_float(without_commas)) {
    out.emplace_back(rounded_to_hundredths(*number));
    return;
  }
  std::string lower = lowered(text);
  if (count_characters(lower) == 1) {
    out.emplace_back(" " + lower);
    lower += ' ';
  }
  out.emplace_back(std::move(lower));
}

}  // namespace

std::optional<std::size_t> chosen_option(std::string_view answer, const std::vector<std::string>& options,
                                         Script script) {
  const std::string text = " " + std::string(stripped_of_each(answer, ",.!?;:'")) + " ";
  const std::span<const LetterForm> forms =
      script == Script::authors ? std::span<const LetterForm>(authors_forms) : lmms_eval_forms;
  for (const LetterForm& form : forms) {
    const auto candidates = by_letter(text, options.size(), form);
    if (!candidates.empty()) return last_of(candidates);
  }
  constexpr std::size_t few_words = 5;
  if (count_words(text) <= few_words) return std::nullopt;
  return last_of(by_text(text, options));
}

std::vector<Piece> meant(std::string_view answer) {
  const auto keys = key_pieces(answer);
  std::vector<std::string> texts = keys;
  for (const std::string& key : keys) {
    const std::string text = with_ascii_digits(key);
    find_all(text, number_with_commas, texts);
    find_all(text, scientific_number, texts);
    find_all(text, simple_number, texts);
  }
  std::vector<Piece> out;
  for (const std::string& text : texts) add_normalized(text, out);
  return out;
}

bool any_right(const std::vector<Piece>& pieces, const std::vector<std::string>& truths) {
  std::vector<Piece> right;
  for (const std::string& truth : truths) add_normalized(truth, right);
  const auto fits = [&](const Piece& piece, const Piece& truth) {
    if (const auto* number = std::get_if<double>(&piece)) {
      const auto* other = std::get_if<double>(&truth);
      return other != nullptr && *number == *other;
    }
    const auto* text = std::get_if<std::string>(&truth);
    return text != nullptr && std::get<std::string>(piece).find(*text) != std::string::npos;
  };
  return std::any_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
    return std::any_of(right.begin(), right.end(), [&](const Piece& truth) { return fits(piece, truth); });
  });
}

}  // namespace holisafe::benchmarks::mmmu
