#include "benchmarks/python_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <utf8proc.h>

#include "base/text.h"

namespace holisafe::benchmarks {
namespace {

struct Character {
  utf8proc_int32_t code = -1;  ///< negative: the byte is not UTF-8
  std::size_t bytes = 1;
};

/// The one that `text`, which is not empty, begins with.
Character first_character(std::string_view text) {
  Character out;
  const auto size = static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4));
  const auto bytes =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), size, &out.code);
  if (bytes > 0) {
    out.bytes = static_cast<std::size_t>(bytes);
  } else {
    out.code = -1;
  }
  return out;
}

/// Where the character that ends at the end of `text`, which is not empty, begins.
std::size_t last_character_at(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && text.size() - at < 4 && continues_character(text[at])) --at;
  return at;
}

void append(std::string& out, utf8proc_int32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(code, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

bool is_letter(utf8proc_int32_t c) {
  const auto category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(utf8proc_int32_t c) { return utf8proc_category(c) == UTF8PROC_CATEGORY_ND; }

/// Of a digit: Unicode has them in runs of ten, beginning with zero.
int decimal_value(utf8proc_int32_t c) {
  utf8proc_int32_t zero = c;
  while (is_decimal(zero - 1)) --zero;
  constexpr int base = 10;
  return (c - zero) % base;
}

bool is_word(utf8proc_int32_t c) {
  const auto category = utf8proc_category(c);
  return c == '_' || is_letter(c) || (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool within(utf8proc_int32_t c, utf8proc_int32_t first, utf8proc_int32_t last) {
  return c >= first && c <= last;
}

/// Unicode's Cased.
bool is_cased(utf8proc_int32_t c) {
  const auto category = utf8proc_category(c);
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LT) return true;
  // Ordinal indicators, Roman numerals, letters in circles and squares.
  return c == 0xaa || c == 0xba || within(c, 0x2160, 0x217f) || within(c, 0x24b6, 0x24e9) ||
         within(c, 0x1f130, 0x1f149) || within(c, 0x1f150, 0x1f169) || within(c, 0x1f170, 0x1f189);
}

/// Unicode's Case_Ignorable.
bool is_case_ignorable(utf8proc_int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  // Marks that stand inside words: apostrophes, full stops, colons, middle dots.
  constexpr std::array<utf8proc_int32_t, 17> marks = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,
                                                      0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                                      0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
  return std::find(marks.begin(), marks.end(), c) != marks.end();
}

/// Whether a capital sigma between the two ends a word: what is ignored aside, a cased character stands
/// before it and none behind.
bool ends_word(std::string_view before, std::string_view behind) {
  const auto last_code = [&] { return first_character(before.substr(last_character_at(before))).code; };
  while (!before.empty() && is_case_ignorable(last_code()))
    before = before.substr(0, last_character_at(before));
  if (before.empty() || !is_cased(last_code())) return false;
  while (!behind.empty() && is_case_ignorable(first_character(behind).code))
    behind.remove_prefix(first_character(behind).bytes);
  return behind.empty() || !is_cased(first_character(behind).code);
}

/// Appends a character's lower case. `before` and `behind` are what stands around it.
void append_lower(std::string& out, const Character& c, std::string_view before, std::string_view behind) {
  constexpr utf8proc_int32_t capital_i_with_dot = 0x130;
  constexpr utf8proc_int32_t capital_sigma = 0x3a3;
  if (c.code == capital_i_with_dot) {
    out += "i\xcc\x87";  // the one capital letter whose lower case is two characters
  } else if (c.code == capital_sigma && ends_word(before, behind)) {
    out += "\xcf\x82";
  } else {
    append(out, utf8proc_tolower(c.code));
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes digits with single underscores between them over into `out`; how many digits those were, nothing
/// where an underscore stands elsewhere.
std::optional<std::size_t> take_digits(std::string_view& text, std::string& out) {
  std::size_t digits = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_digit(text[at])) {
      out += text[at++];
      ++digits;
    } else if (text[at] == '_') {
      if (at == 0 || text[at - 1] == '_' || at + 1 == text.size() || !is_digit(text[at + 1]))
        return std::nullopt;
      ++at;
    } else {
      break;
    }
  }
  text.remove_prefix(at);
  return digits;
}

bool takes(std::string_view& text, std::string_view marks, std::string* out = nullptr) {
  if (text.empty() || marks.find(text.front()) == std::string_view::npos) return false;
  if (out != nullptr) *out += text.front();
  text.remove_prefix(1);
  return true;
}

std::optional<double> named_float(std::string_view text) {
  std::string word(text);
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (word == "inf" || word == "infinity") return std::numeric_limits<double>::infinity();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

using Predicate = bool (*)(utf8proc_int32_t);

bool begins(std::string_view text, std::size_t at, Predicate kind) {
  return at < text.size() && kind(first_character(text.substr(at)).code);
}

bool ends(std::string_view text, std::size_t at, Predicate kind) {
  if (at == 0) return false;
  const auto before = text.substr(0, at);
  return kind(first_character(before.substr(last_character_at(before))).code);
}

}  // namespace

std::string_view stripped_of(std::string_view text, char mark) {
  while (text.starts_with(mark)) text.remove_prefix(1);
  while (text.ends_with(mark)) text.remove_suffix(1);
  return text;
}

std::size_t count_words(std::string_view text) {
  std::size_t out = 0;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t space = python_space(text);
    text.remove_prefix(std::max<std::size_t>(space, 1));
    if (space == 0 && !inside) ++out;
    inside = space == 0;
  }
  return out;
}

std::size_t count_characters(std::string_view text) {
  std::size_t out = 0;
  for (; !text.empty(); ++out) text.remove_prefix(first_character(text).bytes);
  return out;
}

std::size_t byte_of_character(std::string_view text, std::size_t count) {
  std::size_t out = 0;
  for (; count > 0 && out < text.size(); --count) out += first_character(text.substr(out)).bytes;
  return out;
}

std::string lowered(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const Character c = first < 0x80 ? Character{} : first_character(text.substr(at));
    if (c.code < 0) {
      out += ascii_lower(text[at]);
    } else {
      append_lower(out, c, text.substr(0, at), text.substr(at + c.bytes));
    }
    at += c.bytes;
  }
  return out;
}

std::string capitalized(std::string_view text) {
  if (text.empty()) return {};
  const Character first = first_character(text);
  std::string out = lowered(text);
  if (first.code < 0) return out;
  std::string title;
  append(title, utf8proc_totitle(first.code));
  std::string lower;
  append_lower(lower, first, {}, text.substr(first.bytes));
  return out.replace(0, lower.size(), title);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (auto at = text.find(from); at != std::string_view::npos; at = text.find(from)) {
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
  }
  return out += text;
}

bool word_begins(std::string_view text, std::size_t at) { return begins(text, at, is_word); }
bool word_ends(std::string_view text, std::size_t at) { return ends(text, at, is_word); }
bool letter_begins(std::string_view text, std::size_t at) { return begins(text, at, is_letter); }
bool letter_ends(std::string_view text, std::size_t at) { return ends(text, at, is_letter); }
bool digit_begins(std::string_view text, std::size_t at) { return begins(text, at, is_decimal); }
bool digit_ends(std::string_view text, std::size_t at) { return ends(text, at, is_decimal); }

std::string with_ascii_digits(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Character c = first_character(text.substr(at));
    if (c.bytes > 1 && is_decimal(c.code)) {
      out += static_cast<char>('0' + decimal_value(c.code));
    } else {
      out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return out;
}

std::optional<double> parsed_float(std::string_view text) {
  const std::string plain_digits = with_ascii_digits(strip(text));
  text = plain_digits;
  const bool negative = text.starts_with('-');
  takes(text, "+-");
  double value = 0;
  if (const auto named = named_float(text)) {
    value = *named;
  } else {
    std::string plain;
    const auto whole = take_digits(text, plain);
    if (!whole) return std::nullopt;
    std::size_t digits = *whole;
    if (takes(text, ".", &plain)) {
      const auto fraction = take_digits(text, plain);
      if (!fraction) return std::nullopt;
      digits += *fraction;
    }
    if (digits == 0) return std::nullopt;
    bool small = false;
    if (takes(text, "eE", &plain)) {
      small = text.starts_with('-');
      if (!takes(text, "+")) takes(text, "-", &plain);
      if (take_digits(text, plain).value_or(0) == 0) return std::nullopt;
    }
    if (!text.empty()) return std::nullopt;
    if (std::from_chars(plain.data(), plain.data() + plain.size(), value).ec ==
        std::errc::result_out_of_range)
      value = small ? 0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -value : value;
}

double rounded_to_hundredths(double value) {
  if (!std::isfinite(value)) return value;
  std::array<char, 400> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 2).ptr;
  double out = 0;
  std::from_chars(text.data(), end, out);
  return out;
}

}  // namespace holisafe::benchmarks
