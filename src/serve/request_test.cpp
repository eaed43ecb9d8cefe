#include "serve/request.h"

#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/made_request.h"

namespace holisafe::serve {
namespace {

using testing::ElementsAre;

std::string chat(const std::string& body) { return outcome(read_chat(body, {})); }
/// Of a chat with this member beside.
std::string with(const std::string& member) { return chat(chat_with(member)); }
/// Of a chat with these messages.
std::string of(const std::string& messages) { return chat(chat_of(messages)); }

chat::Generation how(const std::string& member) { return read_chat(chat_with(member), {}).value().how; }

TEST(ChatRequest, ReadsAConversation) {
  const auto found = read_chat(chat_of(R"([{"role": "system", "content": "Be kind."},
      {"role": "developer", "content": [{"type": "text", "text": "And "}, {"type": "text", "text": "short."}]},
      {"role": "user", "content": [{"type": "text", "text": "One"}, )" +
                                       image_part(png_bytes("1")) +
                                       R"(, {"type": "text", "text": "two"}]},
      {"role": "assistant", "content": "Three", "refusal": null, "tool_calls": [], "annotations": [], "audio": null},
      {"role": "user", "content": [)" + image_part(png_bytes("2")) +
                                       "]}]"),
                               {});
  ASSERT_TRUE(found) << outcome(found);
  EXPECT_EQ(found->model, "m");
  EXPECT_EQ(found->conversation.system, "Be kind.\n\nAnd short.");
  ASSERT_EQ(found->conversation.turns.size(), 3U);
  const auto& first = found->conversation.turns[0].parts;
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(std::get<std::string>(first[0]), "One");
  EXPECT_EQ(*std::get<chat::Image>(first[1]).bytes, png_bytes("1"));
  EXPECT_EQ(std::get<std::string>(first[2]), "two");
  EXPECT_EQ(found->conversation.turns[1].role, chat::Role::assistant);
  EXPECT_EQ(found->conversation.turns[1].text(), "Three");
  ASSERT_EQ(found->images.size(), 2U);
  EXPECT_EQ(found->images[0].param, "messages[2].content[1].image_url.url");
  EXPECT_EQ(found->images[0].message, 2U);
  EXPECT_EQ(found->images[0].part, 1U);
  EXPECT_EQ(found->images[1].param, "messages[4].content[0].image_url.url");
  EXPECT_EQ(*found->images[1].bytes, png_bytes("2"));
  EXPECT_FALSE(found->stream);
  EXPECT_FALSE(found->blocks_flagged);
}

TEST(ChatRequest, WithoutASystemMessageTheModelHasItsOwn) {
  EXPECT_EQ(read_chat(chat_with(""), {})->conversation.system, std::nullopt);
}

TEST(ChatRequest, NeighboursOfARoleAreOneTurn) {
  const auto found = read_chat(chat_of(R"([{"role": "user", "content": "a"}, {"role": "user", "content": "b"},
      {"role": "user", "content": [)" + image_part() +
                                       R"(]}, {"role": "user", "content": "c"},
      {"role": "assistant", "content": "d"}, {"role": "assistant", "content": null, "refusal": "e"},
      {"role": "user", "content": "f"}])"),
                               {});
  ASSERT_TRUE(found) << outcome(found);
  ASSERT_EQ(found->conversation.turns.size(), 3U);
  const auto& first = found->conversation.turns[0];
  ASSERT_EQ(first.parts.size(), 4U);
  EXPECT_EQ(first.text(), "a\n\nbc");
  EXPECT_TRUE(std::holds_alternative<chat::Image>(first.parts[2]));
  EXPECT_EQ(found->conversation.turns[1].text(), "d\n\ne");
}

TEST(ChatRequest, MessagesStandWhereTheyCan) {
  EXPECT_EQ(of("[]"), "invalid_value at messages");
  EXPECT_EQ(of("{}"), "invalid_type at messages");
  EXPECT_EQ(of("null"), "missing_required_parameter at messages");
  EXPECT_EQ(of("[1]"), "invalid_type at messages[0]");
  EXPECT_EQ(of("[{}]"), "missing_required_parameter at messages[0].role");
  EXPECT_EQ(of(R"([{"role": 1}])"), "invalid_type at messages[0].role");
  EXPECT_EQ(of(R"([{"role": "root", "content": "x"}])"), "invalid_value at messages[0].role");
  EXPECT_EQ(of(R"([{"role": "tool", "content": "x"}])"), "unsupported_content at messages[0].role");
  EXPECT_EQ(of(R"([{"role": "system", "content": "x"}])"), "unsupported_content at messages[0].role");
  EXPECT_EQ(of(R"([{"role": "assistant", "content": "x"}])"), "unsupported_content at messages[0].role");
  EXPECT_EQ(of(R"([{"role": "user", "content": "x"}, {"role": "system", "content": "x"}])"),
            "unsupported_content at messages[1].role");
  EXPECT_EQ(of(R"([{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}])"),
            "unsupported_content at messages[1].role");
}

TEST(ChatRequest, ContentIsWhatItMayBe) {
  const auto user = [](const std::string& content) {
    return of(R"([{"role": "user", "content": )" + content + "}]");
  };
  const auto part = [&](const std::string& text) { return user("[" + text + "]"); };
  EXPECT_EQ(user("\"\""), "fine");
  EXPECT_EQ(user("null"), "missing_required_parameter at messages[0].content");
  EXPECT_EQ(user("1"), "invalid_type at messages[0].content");
  EXPECT_EQ(user("[]"), "invalid_value at messages[0].content");
  EXPECT_EQ(part("\"x\""), "invalid_type at messages[0].content[0]");
  EXPECT_EQ(part("{}"), "missing_required_parameter at messages[0].content[0].type");
  EXPECT_EQ(part(R"({"type": "text"})"), "missing_required_parameter at messages[0].content[0].text");
  EXPECT_EQ(part(R"({"type": "text", "text": ["x"]})"), "invalid_type at messages[0].content[0].text");
  EXPECT_EQ(part(R"({"type": "text", "text": "x", "image_url": {"url": "y"}})"),
            "unsupported_content at messages[0].content[0].image_url");
  EXPECT_EQ(part(R"({"type": "text", "text": "x", "image_url": null})"), "fine");
  for (const char* type : {"input_audio", "file", "video_url", "image", "refusal", "Text"})
    EXPECT_EQ(part(std::string(R"({"type": ")") + type + "\"}"),
              "unsupported_content at messages[0].content[0].type");
  EXPECT_EQ(part(R"({"type": "image_url"})"),
            "missing_required_parameter at messages[0].content[0].image_url");
  EXPECT_EQ(part(R"({"type": "image_url", "image_url": "data:"})"),
            "invalid_type at messages[0].content[0].image_url");
  EXPECT_EQ(part(R"({"type": "image_url", "image_url": {}})"),
            "missing_required_parameter at messages[0].content[0].image_url.url");
  EXPECT_EQ(part(R"({"type": "image_url", "image_url": {"url": "https://a.example/b.png"}})"),
            "image_url_not_allowed at messages[0].content[0].image_url.url");
  const auto url = [&](const std::string& more) {
    return part(R"({"type": "image_url", "image_url": {"url": ")" + data_uri(png_bytes()) + "\"" + more +
                "}}");
  };
  EXPECT_EQ(url(R"(, "detail": "low")"), "fine");
  EXPECT_EQ(url(R"(, "detail": null)"), "fine");
  EXPECT_EQ(url(R"(, "detail": "x")"), "invalid_value at messages[0].content[0].image_url.detail");
  EXPECT_EQ(url(R"(, "uuid": "x")"), "unsupported_content at messages[0].content[0].image_url.uuid");
  EXPECT_EQ(of(R"([{"role": "user", "content": "x", "images": ["y"]}])"),
            "unsupported_content at messages[0].images");
  EXPECT_EQ(of(R"([{"role": "user", "content": "x", "name": "y"}])"),
            "unsupported_content at messages[0].name");
}

TEST(ChatRequest, ImagesStandInUserMessagesAlone) {
  const std::string image = "[" + image_part() + "]";
  EXPECT_EQ(of(R"([{"role": "system", "content": )" + image + R"(}, {"role": "user", "content": "x"}])"),
            "unsupported_content at messages[0].content[0].image_url.url");
  EXPECT_EQ(of(R"([{"role": "user", "content": "x"}, {"role": "assistant", "content": )" + image +
               R"(}, {"role": "user", "content": "x"}])"),
            "unsupported_content at messages[1].content[0].image_url.url");
}

TEST(ChatRequest, TakesSoManyImages) {
  const std::string user = R"({"role": "user", "content": [)" + image_part() + ", " + image_part() + "]}";
  RequestLimits limits;
  limits.max_images = 3;
  EXPECT_EQ(outcome(read_chat(chat_of("[" + user + "]"), limits)), "fine");
  EXPECT_EQ(outcome(read_chat(chat_of("[" + user + ", " + user + "]"), limits)),
            "too_many_images at messages[1].content[1].image_url.url");
}

TEST(ChatRequest, NamesItsModel) {
  EXPECT_EQ(chat(R"({"messages": [{"role": "user", "content": "x"}]})"),
            "missing_required_parameter at model");
  EXPECT_EQ(chat(R"({"model": 1, "messages": [{"role": "user", "content": "x"}]})"), "invalid_type at model");
  EXPECT_EQ(chat("[]"), "invalid_type");
  EXPECT_EQ(chat("{"), "invalid_json");
}

TEST(ChatRequest, GenerationHasItsBounds) {
  const auto usual = how("");
  EXPECT_EQ(usual.temperature, 0);
  EXPECT_EQ(usual.top_p, 1);
  EXPECT_EQ(usual.max_new_tokens, 1024U);
  EXPECT_EQ(usual.seed, 0U);
  EXPECT_THAT(usual.stops, ElementsAre());
  EXPECT_EQ(how(R"("temperature": 2, "top_p": 0.5)").temperature, 2);
  EXPECT_EQ(how(R"("temperature": 2, "top_p": 0.5)").top_p, 0.5);
  for (const char* bad : {"-0.1", "2.01", "1e300"})
    EXPECT_EQ(with(std::string("\"temperature\": ") + bad), "invalid_value at temperature");
  EXPECT_EQ(with(R"("temperature": "1")"), "invalid_type at temperature");
  EXPECT_EQ(with(R"("temperature": true)"), "invalid_type at temperature");
  for (const char* bad : {"0", "1.01", "-1"})
    EXPECT_EQ(with(std::string("\"top_p\": ") + bad), "invalid_value at top_p");
}

TEST(ChatRequest, TokensAreCountedUpToTheLimit) {
  EXPECT_EQ(how(R"("max_tokens": 5)").max_new_tokens, 5U);
  EXPECT_EQ(how(R"("max_completion_tokens": 5)").max_new_tokens, 5U);
  EXPECT_EQ(how(R"("max_tokens": 7, "max_completion_tokens": 5)").max_new_tokens, 5U);
  EXPECT_EQ(how(R"("max_tokens": 5, "max_completion_tokens": 7)").max_new_tokens, 5U);
  EXPECT_EQ(how(R"("max_tokens": 18446744073709551615)").max_new_tokens, 1024U);
  EXPECT_EQ(how(R"("max_tokens": 4294967297)").max_new_tokens, 1024U);
  EXPECT_EQ(with(R"("max_tokens": 0)"), "invalid_value at max_tokens");
  EXPECT_EQ(with(R"("max_completion_tokens": -1)"), "invalid_value at max_completion_tokens");
  EXPECT_EQ(with(R"("max_tokens": 1.0)"), "invalid_type at max_tokens");
}

TEST(ChatRequest, StopsAndSeed) {
  EXPECT_THAT(how(R"("stop": "x")").stops, ElementsAre("x"));
  EXPECT_THAT(how(R"("stop": ["a", "b", "c", "d"])").stops, ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(with(R"("stop": [])"), "fine");
  EXPECT_EQ(with(R"("stop": ["a", "b", "c", "d", "e"])"), "invalid_value at stop");
  EXPECT_EQ(with(R"("stop": ["a", ""])"), "invalid_value at stop[1]");
  EXPECT_EQ(with(R"("stop": ["a", null])"), "invalid_type at stop[1]");
  EXPECT_EQ(with(R"("stop": 1)"), "invalid_type at stop");
  EXPECT_EQ(how(R"("seed": 7)").seed, 7U);
  EXPECT_EQ(how(R"("seed": -1)").seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(how(R"("seed": 18446744073709551615)").seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(with(R"("seed": 1.5)"), "invalid_type at seed");
}

TEST(ChatRequest, Streams) {
  const auto found = read_chat(chat_with(R"("stream": true, "stream_options": {"include_usage": true})"), {});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->stream);
  EXPECT_TRUE(found->include_usage);
  EXPECT_FALSE(read_chat(chat_with(R"("stream": true, "stream_options": {})"), {})->include_usage);
  EXPECT_EQ(with(R"("stream": 1)"), "invalid_type at stream");
  EXPECT_EQ(with(R"("stream_options": {"include_usage": true})"), "invalid_value at stream_options");
  EXPECT_EQ(with(R"("stream": true, "stream_options": {"include_usage": 1})"),
            "invalid_type at stream_options.include_usage");
  EXPECT_EQ(with(R"("stream": true, "stream_options": {"other": 1})"),
            "unsupported_parameter at stream_options.other");
}

TEST(ChatRequest, WhatWouldChangeTheAnswerIsRefused) {
  for (const char* member : {R"("n": 1)",
                             R"("n": null)",
                             R"("frequency_penalty": 0)",
                             R"("presence_penalty": 0.0)",
                             R"("logprobs": false)",
                             R"("top_logprobs": 0)",
                             R"("tools": [])",
                             R"("tools": null)",
                             R"("tool_choice": "none")",
                             R"("parallel_tool_calls": true)",
                             R"("response_format": {"type": "text"})",
                             R"("logit_bias": {})",
                             R"("modalities": ["text"])",
                             R"("user": "u")",
                             R"("metadata": {"a": "b"})",
                             R"("store": true)",
                             R"("service_tier": "auto")",
                             R"("safety_identifier": "x")",
                             R"("prompt_cache_key": "x")",
                             R"("repetition_penalty": 1.0)",
                             R"("top_k": -1)",
                             R"("min_p": 0)",
                             R"("unknown": null)"})
    EXPECT_EQ(with(member), "fine") << member;
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"n", "2"},
      {"n", "true"},
      {"n", "\"1\""},
      {"frequency_penalty", "0.1"},
      {"presence_penalty", "-1"},
      {"logprobs", "true"},
      {"top_logprobs", "1"},
      {"tools", "[{}]"},
      {"tool_choice", "\"required\""},
      {"functions", "[{}]"},
      {"response_format", R"({"type": "json_object"})"},
      {"logit_bias", R"({"1": 2})"},
      {"modalities", R"(["text", "audio"])"},
      {"audio", "{}"},
      {"prediction", "{}"},
      {"reasoning_effort", "\"low\""},
      {"repetition_penalty", "1.1"},
      {"top_k", "5"},
      {"min_p", "0.1"},
      {"web_search_options", "{}"},
      {"images", "[]"},
      {"Messages", "[]"},
      {"", "0"}};
  for (const auto& [name, value] : refused)
    EXPECT_EQ(with("\"" + name + "\": " + value), "unsupported_parameter at " + name) << value;
  EXPECT_EQ(with(R"("user": 1)"), "invalid_type at user");
  EXPECT_EQ(with(R"("metadata": "x")"), "invalid_type at metadata");
  EXPECT_EQ(with(R"("store": "x")"), "invalid_type at store");
}

TEST(ChatRequest, MayAskThatWhatIsFlaggedIsBlocked) {
  const auto blocks = [](const std::string& wish) {
    return read_chat(chat_with("\"moderation\": " + wish), {}).value().blocks_flagged;
  };
  EXPECT_FALSE(blocks("null"));
  EXPECT_FALSE(blocks(R"({"model": "omni-moderation-latest"})"));
  EXPECT_FALSE(
      blocks(R"({"model": "x", "policy": {"input": {"mode": "score"}, "output": {"mode": "score"}}})"));
  EXPECT_TRUE(blocks(R"({"model": "x", "policy": {"input": {"mode": "block"}, "output": null}})"));
  const auto wish = [](const std::string& text) { return with("\"moderation\": " + text); };
  EXPECT_EQ(wish("true"), "invalid_type at moderation");
  EXPECT_EQ(wish(R"({"model": 1})"), "invalid_type at moderation.model");
  EXPECT_EQ(wish(R"({"mode": "block"})"), "unsupported_parameter at moderation.mode");
  EXPECT_EQ(wish(R"({"policy": "block"})"), "invalid_type at moderation.policy");
  EXPECT_EQ(wish(R"({"policy": {"inputs": {}}})"), "unsupported_parameter at moderation.policy.inputs");
  EXPECT_EQ(wish(R"({"policy": {"input": "block"}})"), "invalid_type at moderation.policy.input");
  EXPECT_EQ(wish(R"({"policy": {"input": {"mode": "Block"}}})"),
            "invalid_value at moderation.policy.input.mode");
  EXPECT_EQ(wish(R"({"policy": {"input": {"mode": true}}})"), "invalid_type at moderation.policy.input.mode");
  EXPECT_EQ(wish(R"({"policy": {"output": {"mode": "block"}}})"),
            "unsupported_parameter at moderation.policy.output.mode");
}

}  // namespace
}  // namespace holisafe::serve
