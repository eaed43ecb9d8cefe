#include "runs/chat_format.h"

#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/hash.h"
#include "image/image.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::json;

std::string json_text(std::string_view text) { return Json(text).dump(); }

/// A member of an object; null where there is none.
const Json& member(const Json& json, const char* key) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto place = json.find(key);
  return place == json.end() ? null : *place;
}

std::string text_or_empty(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

Error no_answer(std::string detail) {
  return {ErrorKind::malformed, "the response holds no answer", "", std::move(detail)};
}

}  // namespace

Result<std::string> chat_request(const std::string& model, const PromptSettings& prompt,
                                 std::string_view query, std::string_view image) {
  const std::span bytes(reinterpret_cast<const std::byte*>(image.data()), image.size());
  HOLISAFE_TRY(const image::Format format, image::detect(bytes));
  std::string out = R"({"model":)" + json_text(model) + R"(,"messages":[)";
  if (!prompt.system.empty()) out += R"({"role":"system","content":)" + json_text(prompt.system) + "},";
  out += R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:)";
  out += image::mime_type(format);
  out += ";base64,";
  out += base64(bytes);
  out += R"("}},{"type":"text","text":)" + json_text(query) + "}]}]";
  out += fmt::format(R"(,"max_tokens":{},"temperature":0,"stream":false}})", prompt.max_new_tokens);
  return out;
}

Result<store::Answer> chat_answer(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) return fail(no_answer("expected JSON"));
  const Json& choices = member(json, "choices");
  if (!choices.is_array() || choices.empty()) return fail(no_answer("expected choices, found none"));
  const Json& message = member(choices[0], "message");
  const Json& content = member(message, "content");
  store::Answer out;
  out.finish_reason = text_or_empty(member(choices[0], "finish_reason"));
  out.text = text_or_empty(content);
  if (out.finish_reason == "content_filter") {
    out.state = store::AnswerState::filtered;
    return out;
  }
  // A model that refuses in a field of its own has answered all the same.
  const Json& refusal = member(message, "refusal");
  if (!content.is_string() && refusal.is_string()) {
    out.text = refusal.get<std::string>();
  } else if (!content.is_string()) {
    return fail(
        no_answer("expected text in choices[0].message.content, found " + std::string(content.type_name())));
  }
  out.state = store::AnswerState::answered;
  return out;
}

std::optional<std::string> content_filter_code(std::string_view body) {
  // OpenAI, Azure OpenAI (also inside innererror), and gateways that pass theirs on.
  constexpr std::array<std::string_view, 4> codes = {"content_filter", "content_policy_violation",
                                                     "ResponsibleAIPolicyViolation", "content_filtered"};
  const Json json = Json::parse(body, nullptr, false);
  const Json& error = member(json, "error");
  for (const Json* holder : {&error, &member(error, "innererror"), &json}) {
    for (const char* key : {"code", "type"}) {
      const std::string found = text_or_empty(member(*holder, key));
      for (const auto code : codes) {
        if (found == code) return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace holisafe::runs
