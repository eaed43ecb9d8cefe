// A chat completion for an upstream: what goes up is known member by member, and every picture in it is
// judged.
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "serve/answer_json.h"
#include "serve/content.h"
#include "serve/members.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

/// OpenAI's members of a chat completion, and three more that servers of open models agree on.
const std::set<std::string>& known_members() {
  static const std::set<std::string> out = {"audio",
                                            "frequency_penalty",
                                            "function_call",
                                            "functions",
                                            "logit_bias",
                                            "logprobs",
                                            "max_completion_tokens",
                                            "max_tokens",
                                            "messages",
                                            "metadata",
                                            "min_p",
                                            "modalities",
                                            "model",
                                            "moderation",
                                            "n",
                                            "parallel_tool_calls",
                                            "prediction",
                                            "presence_penalty",
                                            "prompt_cache_key",
                                            "prompt_cache_retention",
                                            "reasoning_effort",
                                            "repetition_penalty",
                                            "response_format",
                                            "safety_identifier",
                                            "seed",
                                            "service_tier",
                                            "stop",
                                            "store",
                                            "stream",
                                            "stream_options",
                                            "temperature",
                                            "tool_choice",
                                            "tools",
                                            "top_k",
                                            "top_logprobs",
                                            "top_p",
                                            "user",
                                            "verbosity",
                                            "web_search_options"};
  return out;
}

Answer<void> check_passed_members(const Members& request, const std::set<std::string>& more) {
  std::optional<std::string> unknown;
  request.each([&](const std::string& name, const Json& /*value*/) {
    if (!unknown && !known_members().contains(name) && !more.contains(name)) unknown = name;
  });
  if (!unknown) return {};
  const std::string param = request.at(*unknown);
  return refuse(Code::unsupported_parameter, fmt::format("{}: not passed on", param), param);
}

/// An object of texts: {name, arguments}, {id}.
Answer<void> check_texts(const Members& of, std::initializer_list<std::string_view> names) {
  HOLISAFE_CHECK(only_content(of, names));
  for (const std::string_view name : names) HOLISAFE_CHECK(of.text(name));
  return {};
}

Answer<void> check_texts(const Members& parent, std::string_view member,
                         std::initializer_list<std::string_view> names) {
  HOLISAFE_TRY(const auto found, parent.object(member));
  return found ? check_texts(*found, names) : Answer<void>();
}

Answer<void> check_tool_calls(const Members& message) {
  HOLISAFE_TRY(const auto* calls, message.list("tool_calls"));
  for (std::size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
    HOLISAFE_TRY(const auto call, Members::of((*calls)[i], element_path(message.at("tool_calls"), i)));
    HOLISAFE_CHECK(only_content(call, {"id", "type", "index", "function", "custom"}));
    for (const char* name : {"id", "type"}) HOLISAFE_CHECK(call.text(name));
    HOLISAFE_CHECK(call.number("index"));
    HOLISAFE_CHECK(check_texts(call, "function", {"name", "arguments"}));
    HOLISAFE_CHECK(check_texts(call, "custom", {"name", "input"}));
  }
  return {};
}

/// Answers come back with an empty one.
Answer<void> check_annotations(const Members& message) {
  HOLISAFE_TRY(const auto* found, message.list("annotations"));
  if (found == nullptr || found->empty()) return {};
  const std::string param = message.at("annotations");
  return refuse(Code::unsupported_content, fmt::format("{}: not passed on but as []", param), param);
}

/// A message of any role: what its content may hold is the same in all.
Answer<void> read_message(const Json& value, std::size_t index, ImageList& images) {
  HOLISAFE_TRY(const auto message, Members::of(value, element_path("messages", index)));
  HOLISAFE_CHECK(message.required_text("role"));
  HOLISAFE_CHECK(only_content(message, {"role", "content", "name", "refusal", "tool_calls", "tool_call_id",
                                        "function_call", "audio", "annotations"}));
  for (const char* name : {"name", "refusal", "tool_call_id"}) HOLISAFE_CHECK(message.text(name));
  HOLISAFE_CHECK(check_tool_calls(message));
  HOLISAFE_CHECK(check_texts(message, "function_call", {"name", "arguments"}));
  HOLISAFE_CHECK(check_texts(message, "audio", {"id"}));
  HOLISAFE_CHECK(check_annotations(message));
  const Json* content = message.find("content");
  if (content == nullptr) return {};
  HOLISAFE_CHECK(read_content(*content, {message.at("content"), index, true}, images));
  return {};
}

/// A predicted answer: {type, content}, text alone.
Answer<void> check_prediction(const Members& request) {
  HOLISAFE_TRY(const auto prediction, request.object("prediction"));
  if (!prediction) return {};
  HOLISAFE_CHECK(only_content(*prediction, {"type", "content"}));
  HOLISAFE_CHECK(prediction->text("type"));
  const Json* content = prediction->find("content");
  if (content == nullptr) return {};
  RequestLimits none;
  none.max_images = 0;
  ImageList images(none);
  const auto read = read_content(*content, {prediction->at("content"), 0, false}, images);
  if (read || read.error().code != Code::too_many_images) return read ? Answer<void>() : fail(read.error());
  return refuse(Code::unsupported_content, fmt::format("{}: expected text", *read.error().param),
                read.error().param);
}

Json& url_of(Json& document, const RequestImage& image) {
  return document.at("messages").at(image.message).at("content").at(image.part).at("image_url").at("url");
}

}  // namespace

Answer<ChatRequest> read_chat_for_upstream(std::string_view body, const RequestLimits& limits,
                                           const std::set<std::string>& more) {
  ChatRequest out;
  HOLISAFE_TRY(out.document, parse_body(body));
  HOLISAFE_TRY(const auto request, Members::of(out.document, ""));
  HOLISAFE_CHECK(check_passed_members(request, more));
  HOLISAFE_CHECK(read_ours(request, out));
  HOLISAFE_CHECK(check_prediction(request));
  HOLISAFE_TRY(const auto* messages, messages_of(request));
  ImageList images(limits);
  for (std::size_t i = 0; i < messages->size(); ++i) HOLISAFE_CHECK(read_message((*messages)[i], i, images));
  out.images = std::move(images).take();
  // Whoever sent the document as it stands would send no picture at all.
  for (const RequestImage& image : out.images) url_of(out.document, image) = "";
  out.document.erase("moderation");
  return out;
}

Json with_images(const ChatRequest& request, const std::vector<std::string>& data_uris) {
  Json out = request.document;
  for (std::size_t i = 0; i < request.images.size() && i < data_uris.size(); ++i)
    url_of(out, request.images[i]) = data_uris[i];
  return out;
}

std::string text_with_images(const ChatRequest& request, const std::vector<std::string>& data_uris) {
  // A writer of JSON looks at every byte, twelve milliseconds a megabyte of an image: it writes a word in
  // each place, which nobody can know before.
  std::vector<std::string> marks;
  for (std::size_t i = 0; i < data_uris.size(); ++i) marks.push_back(new_id("place-"));
  const std::string marked = with_images(request, marks).dump();
  std::string out;
  out.reserve(std::accumulate(data_uris.begin(), data_uris.end(), marked.size(),
                              [](std::size_t sum, const std::string& uri) { return sum + uri.size(); }));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < request.images.size() && i < marks.size(); ++i) {
    const std::size_t place = marked.find(marks[i], kept);
    out.append(marked, kept, place - kept).append(data_uris[i]);
    kept = place + marks[i].size();
  }
  return out.append(marked, kept);
}

}  // namespace holisafe::serve
