#include "ask/json.h"

#include <span>

#include <fmt/format.h>

#include "base/escapes.h"
#include "base/hash.h"
#include "base/text.h"
#include "http/said.h"

namespace holisafe::ask {
namespace {

/// An upper bound of the values in JSON text: commas and brackets outside strings, and one.
std::size_t values_in(std::string_view json) {
  std::size_t out = 1;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == ',' || c == '[' || c == '{') ++out;
    if (c != '"') continue;
    for (++i; i < json.size() && json[i] != '"'; ++i) i += json[i] == '\\' ? 1 : 0;
  }
  return out;
}

/// What a body that is no JSON is. More than is shown: keys are taken out before it is cut.
std::string found_instead(std::string_view body) {
  constexpr std::size_t most_bytes = 16U << 10U;
  if (http::is_page(body)) return http::page_name(body);
  body = strip(body.substr(0, most_bytes));
  if (body.empty()) return "nothing";
  return is_utf8(body) ? fmt::format("\"{}\"", body) : "something else";
}

}  // namespace

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

Result<Json> parse_json(std::string_view provider, std::string_view body, std::size_t most) {
  constexpr std::size_t most_levels = 100;  // copies of a document go as deep as it does
  if (nests_deeper(body, most_levels))
    return fail(unexpected_answer(provider, "JSON of at most 100 levels, found more"));
  if (values_in(body) > most)
    return fail(unexpected_answer(provider, fmt::format("JSON of at most {} values, found more", most)));
  Json out = Json::parse(body, nullptr, false);
  if (out.is_discarded()) {
    std::string mended(body);
    if (replace_half_pairs(mended)) out = Json::parse(mended, nullptr, false);
  }
  if (out.is_discarded()) return fail(unexpected_answer(provider, "JSON, found " + found_instead(body)));
  return out;
}

Error unexpected_answer(std::string_view provider, std::string expected) {
  return {ErrorKind::malformed, "unexpected answer of the API", std::string(provider),
          "expected " + std::move(expected)};
}

}  // namespace holisafe::ask
