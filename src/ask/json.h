// JSON as the providers' APIs write it: members that may be absent, bodies of bounded depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe::ask {

using Json = nlohmann::ordered_json;

/// The member `key` of an object; null where there is none or `value` is no object.
const Json& member(const Json& value, std::string_view key);
/// A string, or empty where `value` is none.
std::string text_of(const Json& value);
/// Base64 of a file's bytes.
std::string base64_of(const std::string& bytes);
/// JSON text on one line. Bytes that are not UTF-8 have no place in it and become U+FFFD.
std::string to_text(const Json& value);

/// So many values a document may have: an answer with every token's probabilities has half of that, and a
/// value takes up to 100 bytes.
inline constexpr std::size_t most_values = std::size_t{1} << 20;

/// JSON of a response body; half a surrogate pair in a string becomes U+FFFD. Errors: malformed (no JSON,
/// deeper than 100 levels, or more than `most` values).
Result<Json> parse_json(std::string_view provider, std::string_view body, std::size_t most = most_values);

/// An Error for a response that is not what the API answers.
Error unexpected_answer(std::string_view provider, std::string expected);

}  // namespace holisafe::ask
