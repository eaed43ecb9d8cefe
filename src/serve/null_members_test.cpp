// A member that is null counts as left out: each that any request knows, in every object of every kind of
// request.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "serve/made_request.h"
#include "serve/request.h"
#include "serve/upstream_document.h"

namespace holisafe::serve {
namespace {

/// What becomes of a request's text, in words that differ where it does.
using Reader = std::function<std::string(const std::string&)>;
using Pointer = Json::json_pointer;

template <class T>
std::string fault_words(const Answer<T>& answer) {
  return fmt::format("fault: {}: {}", outcome(answer), answer.error().message);
}

std::string words_of(const std::vector<RequestImage>& images) {
  std::string out;
  for (const RequestImage& image : images)
    out += fmt::format("\nimage {} {} {} {}{}", image.param, image.message, image.part, image.url,
                       image.bytes ? hex(std::as_bytes(std::span(*image.bytes))) : "");
  return out;
}

std::string words_of(const ChatRequest& request) {
  return fmt::format("{} {} {} {}{}", request.model, request.stream, request.include_usage,
                     request.blocks_flagged, words_of(request.images));
}

std::string words_of(const chat::Conversation& conversation) {
  std::string out = "\nsystem " + conversation.system.value_or("none");
  for (const chat::Turn& turn : conversation.turns) {
    out += turn.role == chat::Role::user ? "\nuser" : "\nassistant";
    for (const chat::Part& part : turn.parts) {
      const auto* image = std::get_if<chat::Image>(&part);
      out += " | " + (image != nullptr ? image->file.string() : std::get<std::string>(part));
    }
  }
  return out;
}

std::string local_chat_words(const std::string& body) {
  const auto found = read_chat(body, {});
  if (!found) return fault_words(found);
  const chat::Generation& how = found->how;
  std::string out = words_of(*found) + words_of(found->conversation) +
                    fmt::format("\n{} {} {} {}", how.max_new_tokens, how.temperature, how.top_p, how.seed);
  for (const std::string& text : how.stops) out += " stop " + text;
  return out;
}

/// Without members that are null.
Json without_nulls(const Json& value) {
  if (value.is_object()) {
    Json out = Json::object();
    for (const auto& [name, member] : value.items()) {
      if (!member.is_null()) out[name] = without_nulls(member);
    }
    return out;
  }
  if (!value.is_array()) return value;
  Json out = Json::array();
  for (const Json& element : value) out.push_back(without_nulls(element));
  return out;
}

/// What goes up stays as it was written, nulls too.
std::string guarded_chat_words(const std::string& body) {
  const auto found = read_chat_for_upstream(body, {}, {});
  if (!found) return fault_words(found);
  const auto document = upstream_document(*found, UpstreamImages::sent, {});
  if (!document) return fault_words(document);
  return words_of(*found) + "\n" + without_nulls(Json::parse(*document)).dump();
}

std::string moderation_words(const std::string& body) {
  const auto found = read_moderation(body, {});
  return found ? found->model + words_of(found->images) : fault_words(found);
}

std::string guardrail_words(const std::string& body) {
  const auto found = read_guardrail(body, {});
  return found ? std::to_string(found->is_response) + words_of(found->images) : fault_words(found);
}

Json picture_part(const std::string& shows) {
  return {{"type", "image_url"}, {"image_url", {{"url", data_uri(png_bytes(shows))}, {"detail", "low"}}}};
}

Json text_part(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

const Json moderation_wish = {{"model", "any"},
                              {"policy", {{"input", {{"mode", "block"}}}, {"output", {{"mode", "score"}}}}}};

Json local_request() {
  Json out = Json::parse(R"({"model": "m", "temperature": 0.5, "top_p": 0.9, "max_tokens": 7,
      "max_completion_tokens": 9, "stop": ["end"], "seed": 3, "stream": true,
      "stream_options": {"include_usage": true, "include_obfuscation": false, "continuous_usage_stats": false},
      "n": 1, "frequency_penalty": 0, "presence_penalty": 0, "repetition_penalty": 1, "top_k": 0, "min_p": 0,
      "logit_bias": {}, "logprobs": false, "top_logprobs": 0, "tools": [], "functions": [], "tool_choice": "none",
      "function_call": "auto", "parallel_tool_calls": true, "response_format": {"type": "text"},
      "modalities": ["text"], "user": "u", "safety_identifier": "s", "prompt_cache_key": "k",
      "prompt_cache_retention": "in_memory", "service_tier": "auto", "store": false, "metadata": {"a": "b"}})");
  out["moderation"] = moderation_wish;
  out["messages"] = {{{"role", "system"}, {"content", "Be kind."}},
                     {{"role", "developer"}, {"content", {text_part("And short.")}}},
                     {{"role", "user"}, {"content", {text_part("What?"), picture_part("1")}}},
                     {{"role", "assistant"},
                      {"content", {text_part("That."), {{"type", "refusal"}, {"refusal", "No."}}}},
                      {"refusal", "No."},
                      {"tool_calls", Json::array()},
                      {"annotations", Json::array()}},
                     {{"role", "assistant"}, {"refusal", "Never."}},
                     {{"role", "user"}, {"content", "Why?"}}};
  return out;
}

Json guarded_request() {
  Json out = local_request();
  out["prediction"] = {{"type", "content"}, {"content", {text_part("That.")}}};
  out["messages"].push_back(Json::parse(
      R"({"role": "assistant", "name": "a", "content": "x", "function_call": {"name": "f", "arguments": "{}"},
      "audio": {"id": "1"}, "tool_calls": [{"id": "1", "type": "function", "index": 0,
      "function": {"name": "f", "arguments": "{}"}}, {"id": "2", "custom": {"name": "g", "input": "x"}}]})"));
  out["messages"].push_back(
      {{"role", "tool"}, {"tool_call_id", "1"}, {"content", {text_part("Seen:"), picture_part("2")}}});
  return out;
}

Json moderation_request() {
  return {{"model", "m"}, {"input", {"words", text_part("What?"), picture_part("1"), picture_part("2")}}};
}

Json guardrail_request() {
  return {{"input_type", "request"},
          {"images", {data_uri(png_bytes("1"))}},
          {"texts", {"What?"}},
          {"structured_messages",
           {{{"role", "user"}, {"content", {text_part("What?"), picture_part("2")}}},
            {{"role", "user"},
             {"content", {{{"type", "image_url"}, {"image_url", data_uri(png_bytes("3"))}}}}}}}};
}

/// Where objects stand in a document, and all names of members in it.
void look_through(const Json& value, const Pointer& place, std::vector<Pointer>& objects,
                  std::set<std::string>& names) {
  if (value.is_object()) {
    objects.push_back(place);
    for (const auto& [name, member] : value.items()) {
      names.insert(name);
      look_through(member, place / name, objects, names);
    }
  }
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
    look_through(value[i], place / i, objects, names);
}

struct Mode {
  const char* name;
  Json request;
  Reader read;
};

std::vector<Mode> modes() {
  return {{"local chat", local_request(), local_chat_words},
          {"guarded chat", guarded_request(), guarded_chat_words},
          {"moderation", moderation_request(), moderation_words},
          {"guardrail", guardrail_request(), guardrail_words}};
}

TEST(NullMembers, CountAsLeftOutEverywhere) {
  std::set<std::string> names = {"nobody_knows_it"};
  for (const Mode& mode : modes()) {
    std::vector<Pointer> objects;
    look_through(mode.request, Pointer(), objects, names);
  }
  for (const Mode& mode : modes()) {
    ASSERT_FALSE(mode.read(mode.request.dump()).starts_with("fault")) << mode.read(mode.request.dump());
    std::vector<Pointer> objects;
    std::set<std::string> own;
    look_through(mode.request, Pointer(), objects, own);
    for (const Pointer& place : objects) {
      for (const std::string& name : names) {
        Json with_null = mode.request;
        with_null[place][name] = nullptr;
        Json without = mode.request;
        without[place].erase(name);
        EXPECT_EQ(mode.read(with_null.dump()), mode.read(without.dump()))
            << mode.name << ": " << place.to_string() << " " << name;
      }
    }
  }
}

TEST(NullMembers, LeavingOutMakesADifference) {
  // Were nothing of it read, the test above would hold of anything.
  for (const Mode& mode : modes()) {
    std::vector<Pointer> objects;
    std::set<std::string> names;
    look_through(mode.request, Pointer(), objects, names);
    int different = 0;
    for (const Pointer& place : objects) {
      for (const auto& [name, member] : mode.request[place].items()) {
        Json without = mode.request;
        without[place].erase(name);
        different += mode.read(without.dump()) != mode.read(mode.request.dump()) ? 1 : 0;
      }
    }
    EXPECT_GE(different, 8) << mode.name;
  }
}

}  // namespace
}  // namespace holisafe::serve
