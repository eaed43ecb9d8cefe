// Fields that rows of several sets have: an image by its path or in a column, options, the letter of the
// right one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "base/result.h"
#include "benchmarks/set_rows.h"

namespace holisafe::benchmarks {

inline constexpr std::size_t most_options = 26;  // letters

/// Takes the row's id from `field`, of a prediction file that has none from `id`. An integer in quotes, as in
/// tables, is an integer.
void take_integer_id(RowReading& reading, std::string_view field);
/// The same for an id of any kind.
void take_text_id(RowReading& reading, std::string_view field);

/// The row's text for `field`: empty, which is no problem, where a prediction file lacks it.
std::string asked_text(RowReading& reading, std::string_view field);

/// The name of the image in a field: of a column that holds pictures, else a path, `prefix` before it.
/// Nothing where there is none, which is a problem for rows that are to be asked if `needed`.
std::optional<std::string> image_in(RowReading& reading, std::string_view field, bool needed = true);

/// Options that stand as a list, or as a Python list printed as text. Errors, all said in `detail`:
/// wrong_type; those of read_python_list().
Result<std::vector<std::string>> read_options(simdjson::dom::element value);
/// The row's options, 1 to most_options of them; empty, with a problem noted, where they cannot be read.
std::vector<std::string> take_options(RowReading& reading, std::string_view field);

/// The letter of the right option, in upper case; empty, with a problem noted, where it is none of `options`
/// letters. Of no options every letter may be right.
std::string take_answer(RowReading& reading, std::string_view field, std::size_t options);

/// The options of a row that was read before.
std::vector<std::string> options_of(std::string_view json, std::string_view field);

}  // namespace holisafe::benchmarks
