#include "ask/json.h"

#include <span>

#include "base/hash.h"
#include "base/text.h"

namespace holisafe::ask {

const Json& member(const Json& value, std::string_view key) {
  static const Json null;
  if (!value.is_object()) return null;
  const auto place = value.find(std::string(key));
  return place == value.end() ? null : *place;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string base64_of(const std::string& bytes) { return base64(std::as_bytes(std::span(bytes))); }

std::string to_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<Json> parse_json(std::string_view provider, std::string_view body) {
  constexpr std::size_t most_levels = 100;  // copies of a document go as deep as it does
  if (nests_deeper(body, most_levels))
    return fail(unexpected_answer(provider, "JSON of at most 100 levels, found more"));
  Json out = Json::parse(body, nullptr, false);
  if (out.is_discarded()) return fail(unexpected_answer(provider, "JSON, found something else"));
  return out;
}

Error unexpected_answer(std::string_view provider, std::string expected) {
  return {ErrorKind::malformed, "unexpected answer of the API", std::string(provider),
          "expected " + std::move(expected)};
}

}  // namespace holisafe::ask
