#include <cstddef>
#include <utility>

#include "base/json_line.h"
#include "http/token.h"
#include "serve/answer_json.h"

namespace holisafe::serve {
namespace {

constexpr std::string_view chunk_object = "chat.completion.chunk";

Json usage_json(std::uint64_t prompt_tokens, std::uint64_t completion_tokens) {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", completion_tokens},
          {"total_tokens", prompt_tokens + completion_tokens}};
}

Json head_json(const ChatHead& head, std::string_view object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created}, {"model", head.model}};
}

std::string event(const Json& data) { return "data: " + json_line(data) + "\n"; }  // the line has its end

Json chunk(const ChatHead& head, Json delta, Json finish_reason) {
  Json out = head_json(head, chunk_object);
  Json choice = {{"index", 0}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
  choice["finish_reason"] = std::move(finish_reason);
  out["choices"] = Json::array();
  out["choices"].push_back(std::move(choice));
  return out;
}

}  // namespace

Json chat_answer(const ChatHead& head, std::string_view text, std::string_view finish_reason, bool refusal,
                 std::uint64_t prompt_tokens, std::uint64_t completion_tokens, Json moderation) {
  Json message = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  if (refusal) message["refusal"] = text;
  Json choice = {{"index", 0}, {"message", std::move(message)}, {"logprobs", nullptr}};
  choice["finish_reason"] = refusal ? std::string_view("content_filter") : finish_reason;
  Json out = head_json(head, "chat.completion");
  out["choices"] = Json::array();
  out["choices"].push_back(std::move(choice));
  out["usage"] = usage_json(prompt_tokens, completion_tokens);
  out["moderation"] = std::move(moderation);
  return out;
}

std::string opening_event(const ChatHead& head, const Json& moderation) {
  Json out = chunk(head, {{"role", "assistant"}, {"content", ""}}, nullptr);
  out["moderation"] = moderation;
  return event(out);
}

std::string text_event(const ChatHead& head, std::string_view text) {
  return event(chunk(head, {{"content", text}}, nullptr));
}

std::string refusal_event(const ChatHead& head, std::string_view text) {
  return event(chunk(head, {{"content", text}, {"refusal", text}}, nullptr));
}

std::string finish_event(const ChatHead& head, std::string_view finish_reason) {
  return event(chunk(head, Json::object(), finish_reason));
}

std::string usage_event(const ChatHead& head, std::uint64_t prompt_tokens, std::uint64_t completion_tokens) {
  Json out = head_json(head, chunk_object);
  out["choices"] = Json::array();
  out["usage"] = usage_json(prompt_tokens, completion_tokens);
  return event(out);
}

std::string fault_event(const Fault& fault) { return "data: " + to_json(fault) + "\n"; }

Json models_answer(const std::string& model, std::int64_t created) {
  Json entry = {{"id", model}, {"object", "model"}, {"created", created}, {"owned_by", "holisafe"}};
  Json out = {{"object", "list"}};
  out["data"] = Json::array();
  out["data"].push_back(std::move(entry));
  return out;
}

std::string new_id(std::string_view prefix) {
  constexpr std::size_t characters = 24;
  return std::string(prefix) + http::random_token(characters);
}

}  // namespace holisafe::serve
