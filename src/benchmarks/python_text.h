// Python's str and float, as the scripts of utility benchmarks use them on answers; str.strip() is in
// base/text.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holisafe::benchmarks {

/// str.strip(mark) for one ASCII character.
std::string_view stripped_of(std::string_view text, char mark);
/// len(str.split()).
std::size_t count_words(std::string_view text);
/// len(str): characters, a byte that is not UTF-8 counted as one.
std::size_t count_characters(std::string_view text);

/// Where character number `count` of the text begins, counted as count_characters() does; the text's end
/// where it has no more.
std::size_t byte_of_character(std::string_view text, std::size_t count);

/// str.lower().
std::string lowered(std::string_view text);
/// str.capitalize(), but that a first character whose title case is several characters (a ligature, ß) stays.
std::string capitalized(std::string_view text);

/// str.replace(). `from` is not empty.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

/// Whether a word character (`\w`: a letter, a number, an underscore) begins at `at`, or ends there.
bool word_begins(std::string_view text, std::size_t at);
bool word_ends(std::string_view text, std::size_t at);

/// Whether a character of which str.isalpha() holds begins at `at`, or ends there.
bool letter_begins(std::string_view text, std::size_t at);
bool letter_ends(std::string_view text, std::size_t at);
/// The same for a digit of any script, `\d`.
bool digit_begins(std::string_view text, std::size_t at);
bool digit_ends(std::string_view text, std::size_t at);

/// Digits of any script as ASCII's, all else as it is.
std::string with_ascii_digits(std::string_view text);

/// float(str): white space around it, digits of any script, underscores between them, inf and nan.
std::optional<double> parsed_float(std::string_view text);

/// round(x, 2): to the nearest, ties to even, by the exact value.
double rounded_to_hundredths(double value);

}  // namespace holisafe::benchmarks
