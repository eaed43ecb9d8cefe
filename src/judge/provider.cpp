#include "judge/provider.h"

#include <span>

#include "base/hash.h"

namespace holisafe::judge {

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

Error unexpected_answer(std::string_view provider, std::string expected) {
  return {ErrorKind::malformed, "unexpected answer of the judge's API", std::string(provider),
          "expected " + std::move(expected)};
}

}  // namespace holisafe::judge
