// Fields of an output, and what to say of one that is not as it must be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ask/json.h"
#include "base/result.h"

namespace holisafe::guard_formats {

using ask::Json;

/// "a string", "an object", "nothing", … for messages.
std::string_view kind_of(const Json& value);

/// An Error for a field within an output: missing where there is none or null, else wrong_type.
Error wrong_field(std::string_view field, std::string_view expected, const Json& found);

/// Errors of all: those of wrong_field(); of probabilities out_of_range.
Result<bool> boolean_in(const Json& object, const std::string& field);
Result<double> probability_in(const Json& object, std::string_view key, const std::string& field);
/// Nothing where it is missing or null.
Result<std::optional<double>> optional_probability_in(const Json& object, const std::string& field);

}  // namespace holisafe::guard_formats
