#include "ask/refusal.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/text.h"
#include "http/said.h"

namespace holisafe::ask {
namespace {

/// OpenAI's, Azure OpenAI's (also inside innererror), and those of gateways that pass theirs on.
constexpr std::array<std::string_view, 6> filter_codes = {
    "content_filter",   "content_policy_violation", "ResponsibleAIPolicyViolation",
    "content_filtered", "moderation_blocked",       "input_moderation"};

/// Lower case.
constexpr std::array<std::string_view, 19> filter_words = {"moderation",
                                                           "moderated",
                                                           "flagged",
                                                           "content policy",
                                                           "content_policy",
                                                           "content policies",
                                                           "content management policy",
                                                           "content filter",
                                                           "content_filter",
                                                           "content-filter",
                                                           "content safety",
                                                           "safety system",
                                                           "safety policy",
                                                           "safety filter",
                                                           "usage policy",
                                                           "usage policies",
                                                           "policy violation",
                                                           "guardrail",
                                                           "responsible ai"};

/// What a refusal is about where it is not the question. Lower case.
constexpr std::array<std::string_view, 11> other_words = {
    "api key",   "api_key",    "apikey",  "project",    "organization", "account",
    "access to", "permission", "billing", "credential", "subscription"};

/// What it is about where it is the question, whatever else is spoken of. Lower case.
constexpr std::array<std::string_view, 6> question_words = {"your input", "your prompt", "the input",
                                                            "the prompt", "input was",   "prompt was"};

bool holds_one(std::string_view text, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return text.find(word) != std::string_view::npos; });
}

/// The first text in a value where APIs put their message, at most so many levels deep.
std::string words_of(const Json& value, int levels = 4) {
  if (value.is_string()) return value.get<std::string>();
  if (levels == 0) return {};
  if (value.is_array()) return value.empty() ? std::string() : words_of(value[0], levels - 1);
  if (!value.is_object()) return {};
  for (const char* name : {"error", "errors", "message", "msg", "detail", "error_description", "reason"}) {
    std::string out = words_of(member(value, name), levels - 1);
    if (!out.empty()) return out;
  }
  return {};
}

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool holds_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_word_byte(text[at - 1])) && (end == text.size() || !is_word_byte(text[end])))
      return true;
  }
  return false;
}

/// The `error` of a body, of a list's first body, or the body itself.
const Json& error_of(const Json& body) {
  const Json& first = body.is_array() && !body.empty() ? body[0] : body;
  const Json& error = member(first, "error");
  return error.is_object() ? error : first;
}

/// All texts of a value, at most so many levels deep, a line each.
void add_texts(const Json& value, int levels, std::string& out) {
  constexpr std::size_t most_bytes = 64U << 10U;
  if (value.is_string() && out.size() < most_bytes)
    out.append(value.get_ref<const std::string&>(), 0, most_bytes).push_back('\n');
  if (levels == 0 || !value.is_structured()) return;
  for (const Json& item : value) add_texts(item, levels - 1, out);
}

/// Everything that an error says, wherever it stands in it.
std::string all_words_of(const Json& body) {
  constexpr int most_levels = 4;
  std::string out = error_text(body) + "\n";
  const Json& error = error_of(body);
  if (member(body.is_array() && !body.empty() ? body[0] : body, "error").is_object())
    add_texts(error, most_levels, out);
  return out;
}

/// Whether a request's field is named where services that check them say so:
/// {"detail":[{"loc":["body",NAME]}]}.
bool is_at(const Json& body, std::string_view name) {
  const Json& detail = member(body, "detail");
  const Json& first = detail.is_array() && !detail.empty() ? detail[0] : detail;
  const Json& place = member(first, "loc");
  return place.is_array() && !place.empty() && text_of(place.back()) == name;
}

}  // namespace

Json body_of(const http::Response& response) {
  if (auto json = parse_json("", response.body)) return *std::move(json);
  if (http::is_page(response.body)) return nullptr;
  constexpr std::size_t most_bytes = 64U << 10U;
  std::string text = response.body.substr(0, most_bytes);
  return is_utf8(text) ? Json(std::move(text)) : Json(nullptr);
}

std::string error_text(const Json& body) {
  std::string out = words_of(body);
  // Gateways put what the provider behind them said here.
  const std::string behind = text_of(member(member(error_of(body), "metadata"), "raw"));
  if (!behind.empty()) out += (out.empty() ? "" : ": ") + behind;
  return out;
}

std::optional<std::string> error_within(const Json& value) {
  const Json& error = member(value, "error");
  if (error.is_string())
    return error.get_ref<const std::string&>().empty() ? std::nullopt : std::optional(error_text(value));
  if (!error.is_object() || error.empty()) return std::nullopt;
  std::string out = error_text(value);
  return out.empty() ? to_text(error) : out;
}

Error answered_with_error(std::string_view provider, std::string message) {
  return {ErrorKind::malformed, "the API answered with an error", std::string(provider), std::move(message)};
}

std::optional<std::string> content_filter_code(const Json& body) {
  const Json& error = error_of(body);
  for (const Json* holder : {&error, &member(error, "innererror"), &body}) {
    for (const char* key : {"code", "type"}) {
      std::string found = text_of(member(*holder, key));
      if (std::find(filter_codes.begin(), filter_codes.end(), found) != filter_codes.end()) return found;
    }
  }
  const Json& metadata = member(error, "metadata");
  const bool flagged = !member(metadata, "flagged_input").is_null();
  const std::string message = ascii_lower(error_text(body));
  const bool of_question = !holds_one(message, other_words) || holds_one(message, question_words);
  if (!flagged && !(of_question && holds_one(ascii_lower(all_words_of(body)), filter_words)))
    return std::nullopt;
  return "content_filter";
}

bool is_out_of_quota(const Json& body) {
  const Json& error = error_of(body);
  return text_of(member(error, "code")) == "insufficient_quota" ||
         text_of(member(error, "type")) == "insufficient_quota";
}

bool lacks_model(const Json& body) {
  const Json& error = error_of(body);
  return text_of(member(error, "code")) == "model_not_found" ||
         text_of(member(error, "type")) == "model_not_found";
}

bool is_hopeless(const http::Outcome& outcome) {
  if (!outcome.error) return false;
  const long status = outcome.response.status;
  if (outcome.unreachable || status == 402 || status == 404 || status == 405) return true;
  const Json body = body_of(outcome.response);
  return (status == 429 && is_out_of_quota(body)) || (status == 400 && lacks_model(body));
}

bool names_member(const Json& body, std::string_view name) {
  constexpr int most_levels = 5;
  std::string out;
  add_texts(body, most_levels, out);
  return holds_word(out, name);
}

bool is_about_parameter(const Json& body, std::string_view name) {
  const Json& parameter = member(error_of(body), "param");
  if (!parameter.is_string()) return holds_word(words_of(body), name) || is_at(body, name);
  const std::string& found = parameter.get_ref<const std::string&>();
  const auto dot = found.rfind('.');
  return std::string_view(found).substr(dot == std::string::npos ? 0 : dot + 1) == name;
}

}  // namespace holisafe::ask
