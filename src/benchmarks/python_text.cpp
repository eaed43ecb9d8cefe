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

bool is_word(utf8proc_int32_t c) {
  if (c == '_') return true;
  const auto category = utf8proc_category(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
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

std::string lowered(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = first_character(text);
    if (c.code < 0) {
      out += text.front();
    } else if (c.code == 0x130) {
      out += "i\xcc\x87";  // the one capital letter whose lower case is two characters
    } else {
      std::array<utf8proc_uint8_t, 4> bytes{};
      const auto size = utf8proc_encode_char(utf8proc_tolower(c.code), bytes.data());
      out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

bool word_begins(std::string_view text, std::size_t at) {
  return at < text.size() && is_word(first_character(text.substr(at)).code);
}

bool word_ends(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  const auto before = text.substr(0, at);
  return is_word(first_character(before.substr(last_character_at(before))).code);
}

std::optional<double> parsed_float(std::string_view text) {
  text = strip(text);
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
