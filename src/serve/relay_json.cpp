#include <chrono>
#include <utility>

#include "base/text.h"
#include "serve/relay.h"

namespace holisafe::serve {
namespace {

constexpr std::size_t most_answer_levels = 512;  // of JSON that is read

std::optional<Json> object_of(std::string_view text) {
  if (nests_deeper(text, most_answer_levels)) return std::nullopt;
  Json out = Json::parse(text, nullptr, false);
  if (!out.is_object()) return std::nullopt;
  return out;
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Before the text of every choice.
void put_before(Json& answer, const std::string& warning) {
  if (!answer.contains("choices") || !answer["choices"].is_array()) return;
  for (Json& choice : answer["choices"]) {
    if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object()) continue;
    Json& content = choice["message"]["content"];
    content = content.is_string() ? warning + content.get_ref<const std::string&>() : warning;
  }
}

}  // namespace

std::optional<std::string> with_addition(const std::string& body, const Addition& addition,
                                         std::optional<Tokens>& tokens) {
  auto answer = object_of(body);
  if (!answer) return std::nullopt;
  tokens = tokens_of(*answer);
  if (!addition.warning.empty() || answer->contains("moderation")) {
    if (!addition.warning.empty()) put_before(*answer, addition.warning);
    (*answer)["moderation"] = addition.moderation;
    return dumped(*answer);
  }
  // As text, so that all other members stay what they are, numbers of any length too.
  std::string out = body.substr(0, body.rfind('}'));
  if (!answer->empty()) out += ',';
  out += "\"moderation\":";
  out += dumped(addition.moderation);
  out += '}';
  return out;
}

std::optional<std::string> stream_opening(const std::string& first, const Addition& addition) {
  Json event = Json::object();
  if (strip(first) != "[DONE]") {
    auto found = object_of(first);
    if (!found) return std::nullopt;
    event = *std::move(found);
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto text = [&](const char* name) { return event.contains(name) && event[name].is_string(); };
  ChatHead head;
  head.id = text("id") ? event["id"].get<std::string>() : new_id("chatcmpl-");
  head.created = event.contains("created") && event["created"].is_number_integer()
                     ? event["created"].get<std::int64_t>()
                     : std::chrono::duration_cast<std::chrono::seconds>(now).count();
  head.model = text("model") ? event["model"].get<std::string>() : addition.model;
  std::string out = opening_event(head, addition.moderation);
  if (!addition.warning.empty()) out += text_event(head, addition.warning);
  return out;
}

}  // namespace holisafe::serve
