#include "ask/parameters.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ask/provider.h"
#include "ask/refusal.h"

namespace holisafe::ask {
namespace {

constexpr std::string_view tokens = "max_tokens";
constexpr std::string_view completion_tokens_text = "max_completion_tokens";
constexpr std::string_view no_temperature_text = "no-temperature";
constexpr std::string_view no_schema_text = "no-schema";

/// Whether an error complains of a limit's size, which another name does not change.
bool is_about_size(const Json& error) {
  constexpr std::array<std::string_view, 7> words = {"too large", "too high", "too long", "maximum",
                                                     "at most",   "exceed",   "less than"};
  const std::string text = error_text(error);
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return text.find(word) != std::string::npos; });
}

/// The member of a request that holds a schema, where an error names it; else empty.
std::string_view schema_named(const Provider& provider, const Json& error) {
  for (const std::string_view name : provider.schema_members) {
    if (names_member(error, name)) return name;
  }
  return {};
}

}  // namespace

void Parameters::apply(Json& body) const {
  if (no_temperature) {
    body.erase("temperature");
    if (member(body, "generationConfig").is_object()) body["generationConfig"].erase("temperature");
  }
  const Json limit = member(body, tokens);
  if (!completion_tokens || limit.is_null()) return;
  body.erase(std::string(tokens));
  if (!body.contains(completion_tokens_text)) body[std::string(completion_tokens_text)] = limit;
}

std::string Parameters::text() const {
  std::string out(completion_tokens ? completion_tokens_text : "");
  if (no_temperature) out += std::string(out.empty() ? "" : " ").append(no_temperature_text);
  if (no_schema) out += std::string(out.empty() ? "" : " ").append(no_schema_text);
  return out;
}

Result<Parameters> Parameters::parse(std::string_view text) {
  Parameters out;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (word == completion_tokens_text) {
      out.completion_tokens = true;
    } else if (word == no_temperature_text) {
      out.no_temperature = true;
    } else if (word == no_schema_text) {
      out.no_schema = true;
    } else {
      return fail(ErrorKind::malformed, "unknown parameters of requests", "",
                  "expected max_completion_tokens, no-temperature or no-schema, found something else");
    }
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return out;
}

std::optional<ParameterChange> change_for(const Provider& provider, const Parameters& sent,
                                          const Json& error) {
  ParameterChange out{sent, ""};
  if (provider.takes_completion_tokens && !sent.completion_tokens && is_about_parameter(error, tokens) &&
      !is_about_size(error)) {
    out.parameters.completion_tokens = true;
    out.said = "the model does not take max_tokens; max_completion_tokens is sent from now on";
  } else if (!sent.no_temperature && is_about_parameter(error, "temperature")) {
    out.parameters.no_temperature = true;
    out.said = "the model does not take this temperature; none is sent from now on";
  } else if (const auto name = schema_named(provider, error); !sent.no_schema && !name.empty()) {
    out.parameters.no_schema = true;
    out.said =
        fmt::format("the endpoint does not take {}; the prompt describes the answer from now on", name);
  } else {
    return std::nullopt;
  }
  return out;
}

}  // namespace holisafe::ask
