// A value of an Arrow column as JSON.
#pragma once

#include <cstdint>
#include <string>

#include <arrow/array.h>

#include "base/result.h"

namespace holisafe::sources {

/// Whether json_cell() knows a type: null, booleans, integers, floats, decimals, texts, times (as Arrow
/// prints them), and lists, structs and dictionaries of these.
bool has_json_form(const arrow::DataType& type);

/// Appends the value at `row`. Floats that are no number become null. Errors, with an empty `where`:
/// invalid_utf8; unsupported.
Result<void> append_json(const arrow::Array& column, std::int64_t row, std::string& out);

}  // namespace holisafe::sources
