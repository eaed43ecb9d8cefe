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

/// str.lower(), but that a capital sigma at a word's end becomes σ, not ς: whoever compares lowers both
/// sides.
std::string lowered(std::string_view text);

/// Whether a word character (`\w`: a letter, a number, an underscore) begins at `at`, or ends there.
bool word_begins(std::string_view text, std::size_t at);
bool word_ends(std::string_view text, std::size_t at);

/// float(str) for texts of ASCII digits: white space around it, underscores between digits, inf and nan.
std::optional<double> parsed_float(std::string_view text);

/// round(x, 2): to the nearest, ties to even, by the exact value.
double rounded_to_hundredths(double value);

}  // namespace holisafe::benchmarks
