// Formats against requests and responses written down from the providers' documentation; addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/batch_service.h"
#include "ask/endpoint.h"
#include "base/file.h"

namespace holisafe::ask {
namespace {

using chat::State;
using testing::ElementsAre;
using testing::HasSubstr;

chat::Image image(const char* bytes) { return {"a.png", std::make_shared<const std::string>(bytes)}; }

/// Greedy, 100 tokens; the image first, as a judge and a benchmark's run ask.
chat::Question question() {
  return chat::question_of({image("GIF89a bytes"), std::string("What now?")}, {.max_new_tokens = 100});
}

/// A system text, turns of both sides, text between two images.
chat::Question conversation() {
  chat::Question out;
  out.conversation.system = "Be kind.";
  out.conversation.turns = {
      {chat::Role::user, {std::string("First"), image("GIF89a 1"), std::string("then")}},
      {chat::Role::assistant, {std::string("I see.")}},
      {chat::Role::user, {image("GIF89a 2"), std::string("And now?")}}};
  out.how = {.max_new_tokens = 7, .temperature = 0.5, .top_p = 0.75, .seed = 3, .stops = {"END"}};
  return out;
}

Endpoint endpoint(const Provider& provider, const std::string& url = "", const std::string& model = "m",
                  Json request = Json::object()) {
  return std::move(
      *Endpoint::open(provider, {url, model, std::move(request), {}}, *http::Secret::from_text("k", "test")));
}

Json body(const Provider& provider, const chat::Question& asked, Json request = Json::object()) {
  return *endpoint(provider, "", "m", std::move(request)).body(asked);
}

chat::Reply reply(const Provider& provider, const char* text) {
  auto found = provider.reply(Json::parse(text));
  return found ? *found : chat::Reply{};
}

ErrorKind error_kind(const Provider& provider, const char* text) {
  const auto found = provider.reply(Json::parse(text));
  return found ? ErrorKind::internal : found.error().kind;
}

TEST(Providers, TableNamesEachOnce) {
  EXPECT_THAT(provider_names(), ElementsAre("openai", "anthropic", "gemini"));
  EXPECT_EQ(find_provider("gemini"), &gemini_provider());
  EXPECT_EQ(find_provider("GEMINI"), nullptr);
}

TEST(Providers, BytesOfNoImageAreRefused) {
  const chat::Question asked = chat::question_of({image("no image")}, {});
  for (const Provider* provider : providers()) {
    const auto found = endpoint(*provider).body(asked);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::unsupported);
    EXPECT_EQ(found.error().where, "a.png");
  }
}

TEST(Providers, MembersOfAFileWinNullTakesAway) {
  const Json members = Json::parse(R"({"top_k": 5, "max_tokens": null, "max_completion_tokens": 9,
      "temperature": 1, "generationConfig": {"temperature": 1, "topK": 5}})");
  Json sent = body(openai_provider(), question(), members);
  EXPECT_EQ(sent["temperature"], 1);
  EXPECT_EQ(sent["top_k"], 5);
  EXPECT_FALSE(sent.contains("max_tokens"));
  EXPECT_EQ(sent["max_completion_tokens"], 9);
  EXPECT_EQ(sent["model"], "m");
  sent = body(gemini_provider(), question(), members);
  EXPECT_EQ(sent["generationConfig"],
            Json::parse(R"({"temperature": 1, "maxOutputTokens": 100, "topK": 5})"));
}

TEST(Providers, RequestFileIsAnObjectWithoutTheQuestion) {
  const auto folder = std::filesystem::path(testing::TempDir());
  const auto read = [&](const char* text) {
    EXPECT_TRUE(write_file_atomic(folder / "members.json", text));
    return read_request_json((folder / "members.json").string());
  };
  EXPECT_EQ(*read(R"({"reasoning_effort": "low"})"), Json::parse(R"({"reasoning_effort": "low"})"));
  for (const char* bad : {"", "[]", "7", "{"}) EXPECT_EQ(read(bad).error().kind, ErrorKind::malformed) << bad;
  for (const char* bad : {R"({"messages": []})", R"({"contents": []})", R"({"stream": true})"})
    EXPECT_EQ(read(bad).error().kind, ErrorKind::unexpected) << bad;
  EXPECT_EQ(read_request_json((folder / "none.json").string()).error().kind, ErrorKind::not_found);
}

/// A question whose answer is to be an object.
chat::Question schema_question() {
  chat::Question out = question();
  out.schema = {"look", R"({"type":"object","properties":{"safe":{"type":"boolean","description":"is it"},
      "word":{"type":"string","enum":["a","b"]}},"required":["safe","word"],"additionalProperties":false})"};
  return out;
}

TEST(Providers, SchemaAsEachApiTakesIt) {
  const Json schema = Json::parse(schema_question().schema->schema);
  Json sent = body(openai_provider(), schema_question());
  EXPECT_EQ(sent["response_format"],
            (Json{{"type", "json_schema"},
                  {"json_schema", {{"name", "look"}, {"strict", true}, {"schema", schema}}}}));
  sent = body(anthropic_provider(), schema_question());
  EXPECT_EQ(sent["output_config"], (Json{{"format", {{"type", "json_schema"}, {"schema", schema}}}}));
  sent = body(gemini_provider(), schema_question());
  EXPECT_EQ(sent["generationConfig"]["responseMimeType"], "application/json");
  EXPECT_EQ(sent["generationConfig"]["responseSchema"], Json::parse(R"({"type":"OBJECT","properties":{
      "safe":{"type":"BOOLEAN","description":"is it"},"word":{"type":"STRING","enum":["a","b"]}},
      "required":["safe","word"]})"));
}

TEST(Providers, SchemaThatIsNotTakenIsDescribed) {
  for (const Provider* provider : providers()) {
    std::string said;
    EndpointSettings settings{"", "m", Json::object(), {}};
    settings.on_change = [&](const ParameterChange& change) {
      said += change.parameters.text() + ": " + change.said;
    };
    auto asked = std::move(*Endpoint::open(*provider, settings, *http::Secret::from_text("k", "test")));
    const std::string name(provider->schema_members.front());
    const Json error = {{"error", {{"message", "Unknown name \"" + name + "\"."}}}};
    EXPECT_TRUE(asked.adapt({}, error));
    EXPECT_TRUE(asked.adapt({}, error));  // of a request that was under way
    EXPECT_EQ(said, "no-schema: the endpoint does not take " + name +
                        "; the prompt describes the answer from now on");
    EXPECT_FALSE(asked.adapt(asked.parameters(), error));
    const std::string sent = asked.body(schema_question())->dump();
    EXPECT_EQ(sent.find("strict"), std::string::npos);
    EXPECT_EQ(sent.find(name), std::string::npos) << sent;
    EXPECT_THAT(sent,
                HasSubstr("Answer with a `look`: one JSON object and nothing else, with exactly these "
                          "fields:\\n- \\\"safe\\\" (true or false): is it\\n- \\\"word\\\" (string): one "
                          "of \\\"a\\\", \\\"b\\\"\\n\\nWhat now?"));
  }
}

TEST(OpenAi, ChatCompletion) {
  const http::Request request = *endpoint(openai_provider()).ask(question());
  EXPECT_EQ(request.url, "https://api.openai.com/v1/chat/completions");
  EXPECT_THAT(request.headers, ElementsAre("Content-Type: application/json", "Accept: application/json"));
  EXPECT_EQ(Json::parse(request.body), Json::parse(R"({
    "model": "m",
    "messages": [{"role": "user", "content": [
      {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhIGJ5dGVz"}},
      {"type": "text", "text": "What now?"}]}],
    "max_tokens": 100, "temperature": 0, "stream": false})"));
  const chat::Reply said = reply(openai_provider(), R"({
    "id": "chatcmpl-B9", "object": "chat.completion", "created": 1741569952, "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "<label>True</label>", "refusal": null},
                 "logprobs": null, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163}})");
  EXPECT_EQ(said.state, State::answered);
  EXPECT_EQ(said.text, "<label>True</label>");
  EXPECT_EQ(said.finish_reason, "stop");
  EXPECT_EQ(reply(openai_provider(), R"({"choices":[{"message":{"content":" a\n"}}]})").text, " a\n");
  EXPECT_EQ(reply(openai_provider(), R"({"choices":[{"message":{"content":""}}]})").state, State::answered);
  EXPECT_EQ(said.usage.prompt_tokens, 1117);
  EXPECT_EQ(said.usage.completion_tokens, 46);
  const chat::Reply filtered = reply(
      openai_provider(), R"({"choices":[{"message":{"content":"Well"},"finish_reason":"content_filter"}]})");
  EXPECT_EQ(filtered.state, State::filtered);
  EXPECT_EQ(filtered.text, "Well");
  for (const char* refusal :
       {R"({"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]})",
        R"({"choices":[{"message":{"content":"","refusal":"I can't"},"finish_reason":"stop"}]})"}) {
    EXPECT_EQ(reply(openai_provider(), refusal).state, State::declined) << refusal;
    EXPECT_EQ(reply(openai_provider(), refusal).text, "I can't") << refusal;
    EXPECT_EQ(reply(openai_provider(), refusal).refusal, "I can't") << refusal;
  }
  const chat::Reply pieces = reply(openai_provider(), R"({"choices":[{"message":{"content":[
      {"type":"thinking","text":"hm"},{"type":"text","text":"One, "},{"type":"text","text":"two"}]}}]})");
  EXPECT_EQ(pieces.text, "One, two");
  for (const char* bad : {"{}", "[]", "null", R"({"choices":[]})", R"({"choices":[{}]})", R"({"choices":{}})",
                          R"({"choices":[3]})", R"({"choices":[{"message":{"content":5}}]})",
                          R"({"choices":[{"message":null}]})", R"({"choices":[{"message":{"content":[1]}}]})",
                          R"({"error":{"message":"x"}})"})
    EXPECT_EQ(error_kind(openai_provider(), bad), ErrorKind::malformed) << bad;
}

/// What the model thought comes in a place of its own, and is no part of what it said.
TEST(Providers, ThoughtsAreNoText) {
  for (const char* said :
       {R"({"choices":[{"message":{"content":"no","reasoning_content":"yes","reasoning":"yes"}}]})",
        R"({"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"yes"}]},
               {"type":"reasoning","text":"yes"},{"type":"text","text":"no"}]}}]})",
        R"({"choices":[{"message":{"content":[{"type":"output_text","text":"n"},"o"]}}]})"})
    EXPECT_EQ(reply(openai_provider(), said).text, "no") << said;
  EXPECT_EQ(reply(anthropic_provider(), R"({"content":[{"type":"thinking","thinking":"yes","text":"yes"},
      {"type":"redacted_thinking","data":"x"},{"type":"text","text":"no"}]})")
                .text,
            "no");
  EXPECT_EQ(reply(gemini_provider(), R"({"candidates":[{"content":{"parts":[{"text":"yes","thought":true},
      {"text":"no","thought":false}]}}]})")
                .text,
            "no");
}

TEST(Providers, NoTextAtAllIsAReply) {
  const std::pair<const Provider*, const char*> none[] = {
      {&openai_provider(), R"({"choices":[{"message":{"content":""}}]})"},
      {&openai_provider(), R"({"choices":[{"message":{"content":null}}]})"},
      {&openai_provider(), R"({"choices":[{"message":{"role":"assistant"},"finish_reason":"length"}]})"},
      {&openai_provider(), R"({"choices":[{"message":{"content":[]}}]})"},
      {&openai_provider(), R"({"choices":[{"message":{"content":[{"type":"thinking","text":"x"}]}}]})"},
      {&anthropic_provider(), R"({"type":"message","content":[],"stop_reason":"max_tokens"})"},
      {&anthropic_provider(), R"({"type":"message","content":null})"},
      {&anthropic_provider(), R"({"type":"message"})"},
      {&gemini_provider(), R"({"candidates":[{"content":{"role":"model"}}]})"},
      {&gemini_provider(), R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})"},
  };
  for (const auto& [provider, text] : none) {
    const auto found = provider->reply(Json::parse(text));
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->state, State::answered) << text;
    EXPECT_EQ(found->text, "") << text;
    EXPECT_FALSE(found->tool_calls) << text;
  }
  const std::pair<const Provider*, const char*> calls[] = {
      {&openai_provider(), R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]}}]})"},
      {&openai_provider(), R"({"choices":[{"message":{"function_call":{"name":"f"}}}]})"},
      {&anthropic_provider(), R"({"content":[{"type":"tool_use","name":"f"}]})"},
      {&gemini_provider(), R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]})"},
  };
  for (const auto& [provider, text] : calls) EXPECT_TRUE(reply(*provider, text).tool_calls) << text;
}

TEST(Providers, ErrorsWhereAnAnswerOughtToBe) {
  const auto said = [](const Provider& provider, const char* text) {
    const auto found = reply_in(provider, Json::parse(text));
    return found ? std::string("a reply") : found.error().message();
  };
  for (const Provider* provider : providers()) {
    EXPECT_THAT(said(*provider, R"({"error":{"message":"gone","code":400}})"), HasSubstr("gone"));
    EXPECT_THAT(said(*provider, R"({"error":"gone"})"), HasSubstr("gone"));
    EXPECT_THAT(said(*provider, R"({"error":{"code":7}})"), HasSubstr("{\"code\":7}"));
    EXPECT_THAT(said(*provider, R"({"object":"error","message":"gone"})"), HasSubstr("gone"));
    EXPECT_THAT(said(*provider, R"({"detail":[{"loc":["x"],"msg":"gone"}]})"), HasSubstr("gone"));
    EXPECT_EQ(reply_in(*provider, Json::parse(R"({"error":{"message":"your input was flagged"}})"))->state,
              State::filtered);
  }
  EXPECT_THAT(
      said(openai_provider(), R"({"choices":[{"message":{"content":"half"},"finish_reason":"error"}]})"),
      HasSubstr("finish_reason error"));
  EXPECT_THAT(said(openai_provider(), R"({"choices":[{"message":{"content":"half"},"finish_reason":"stop",
      "error":{"message":"upstream fell over","metadata":{"raw":"boom"}}}]})"),
              HasSubstr("upstream fell over"));
  EXPECT_EQ(said(openai_provider(), R"({"error":null,"choices":[{"message":{"content":"x"},"error":null}]})"),
            "a reply");
}

TEST(OpenAi, Conversation) {
  EXPECT_EQ(body(openai_provider(), conversation()), Json::parse(R"({
    "model": "m",
    "messages": [
      {"role": "system", "content": "Be kind."},
      {"role": "user", "content": [
        {"type": "text", "text": "First"},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhIDE="}},
        {"type": "text", "text": "then"}]},
      {"role": "assistant", "content": "I see."},
      {"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhIDI="}},
        {"type": "text", "text": "And now?"}]}],
    "max_tokens": 7, "temperature": 0.5, "top_p": 0.75, "seed": 3, "stop": ["END"], "stream": false})"));
}

TEST(Anthropic, Message) {
  const http::Request request = *endpoint(anthropic_provider()).ask(question());
  EXPECT_EQ(request.url, "https://api.anthropic.com/v1/messages");
  EXPECT_THAT(request.headers, ElementsAre("anthropic-version: 2023-06-01", "Content-Type: application/json",
                                           "Accept: application/json"));
  EXPECT_EQ(Json::parse(request.body), Json::parse(R"({
    "model": "m", "max_tokens": 100, "temperature": 0,
    "messages": [{"role": "user", "content": [
      {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlhIGJ5dGVz"}},
      {"type": "text", "text": "What now?"}]}]})"));
  const chat::Reply said = reply(anthropic_provider(), R"({
    "id": "msg_01", "type": "message", "role": "assistant", "model": "m",
    "content": [{"type": "text", "text": "<label>Fal"}, {"type": "text", "text": "se</label>"}],
    "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 2095, "output_tokens": 5}})");
  EXPECT_EQ(said.text, "<label>False</label>");
  EXPECT_EQ(said.finish_reason, "end_turn");
  EXPECT_EQ(said.usage.prompt_tokens, 2095);
  EXPECT_EQ(said.usage.completion_tokens, 5);
  EXPECT_EQ(said.state, State::answered);
  EXPECT_EQ(reply(anthropic_provider(), R"({"content":[],"stop_reason":"refusal"})").state, State::filtered);
  EXPECT_EQ(error_kind(anthropic_provider(), R"({"type":"error","error":{"type":"overloaded_error"}})"),
            ErrorKind::malformed);
}

TEST(Anthropic, Conversation) {
  EXPECT_EQ(body(anthropic_provider(), conversation()), Json::parse(R"({
    "model": "m", "max_tokens": 7, "temperature": 0.5, "top_p": 0.75, "stop_sequences": ["END"], "system": "Be kind.",
    "messages": [
      {"role": "user", "content": [
        {"type": "text", "text": "First"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlhIDE="}},
        {"type": "text", "text": "then"}]},
      {"role": "assistant", "content": [{"type": "text", "text": "I see."}]},
      {"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlhIDI="}},
        {"type": "text", "text": "And now?"}]}]})"));
}

TEST(Gemini, GenerateContent) {
  const http::Request request = *endpoint(gemini_provider()).ask(question());
  EXPECT_EQ(request.url, "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent");
  Json sent = Json::parse(request.body);
  EXPECT_EQ(sent["safetySettings"].size(), 4);
  sent.erase("safetySettings");
  EXPECT_EQ(sent, Json::parse(R"({
    "contents": [{"role": "user", "parts": [
      {"inline_data": {"mime_type": "image/gif", "data": "R0lGODlhIGJ5dGVz"}}, {"text": "What now?"}]}],
    "generationConfig": {"temperature": 0, "maxOutputTokens": 100}})"));
  const chat::Reply said = reply(gemini_provider(), R"({
    "candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "<label>True</label>"}],
                                "role": "model"}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 260}, "modelVersion": "gemini-2.0-flash"})");
  EXPECT_EQ(said.text, "<label>True</label>");
  EXPECT_EQ(said.finish_reason, "STOP");
  EXPECT_EQ(said.usage.prompt_tokens, 260);
  EXPECT_FALSE(said.usage.completion_tokens);
  const chat::Reply blocked = reply(gemini_provider(), R"({"promptFeedback":{"blockReason":"SAFETY"}})");
  EXPECT_EQ(blocked.state, State::filtered);
  EXPECT_EQ(blocked.finish_reason, "SAFETY");
  for (const char* filtered :
       {R"({"candidates":[{"finishReason":"PROHIBITED_CONTENT"}]})",
        R"({"candidates":[{"content":{"parts":[{"text":"Well"}]},"finishReason":"SAFETY"}]})"})
    EXPECT_EQ(reply(gemini_provider(), filtered).state, State::filtered) << filtered;
  EXPECT_EQ(error_kind(gemini_provider(), R"({"candidates":[{"content":{"parts":7}}]})"),
            ErrorKind::malformed);
  EXPECT_EQ(error_kind(gemini_provider(), "{}"), ErrorKind::malformed);
  const chat::Reply cut =
      reply(gemini_provider(), R"({"candidates":[{"content":{},"finishReason":"MAX_TOKENS"}]})");
  EXPECT_EQ(cut.state, State::answered);
  EXPECT_EQ(cut.text, "");
}

TEST(Gemini, Conversation) {
  Json sent = body(gemini_provider(), conversation());
  sent.erase("safetySettings");
  EXPECT_EQ(sent, Json::parse(R"({
    "systemInstruction": {"parts": [{"text": "Be kind."}]},
    "contents": [
      {"role": "user", "parts": [{"text": "First"},
                                 {"inline_data": {"mime_type": "image/gif", "data": "R0lGODlhIDE="}},
                                 {"text": "then"}]},
      {"role": "model", "parts": [{"text": "I see."}]},
      {"role": "user", "parts": [{"inline_data": {"mime_type": "image/gif", "data": "R0lGODlhIDI="}},
                                 {"text": "And now?"}]}],
    "generationConfig": {"temperature": 0.5, "maxOutputTokens": 7, "topP": 0.75, "seed": 3,
                         "stopSequences": ["END"]}})"));
}

TEST(Endpoint, AddressesWithAndWithoutPath) {
  const auto url = [](const Provider& provider, const std::string& given) {
    return endpoint(provider, given, "a/b c").ask(question())->url;
  };
  EXPECT_EQ(url(openai_provider(), "http://h:1"), "http://h:1/v1/chat/completions");
  EXPECT_EQ(url(openai_provider(), "http://h:1/v1/"), "http://h:1/v1/chat/completions");
  EXPECT_EQ(url(anthropic_provider(), "http://h:1"), "http://h:1/v1/messages");
  EXPECT_EQ(url(gemini_provider(), "http://h:1/x/v1"), "http://h:1/x/v1/models/a/b%20c:generateContent");
  EXPECT_EQ(url(openai_provider(), "https://h/openai/deployments/d/?api-version=1&x=/"),
            "https://h/openai/deployments/d/chat/completions?api-version=1&x=/");
  EXPECT_EQ(url(openai_provider(), "http://h?x=1"), "http://h/v1/chat/completions?x=1");
  for (const char* bad : {"h:1", "ftp://h", "http://", "http://?x=1", "http://h#x", "http://h?x=1 2",
                          "http://h?\n", "http://user:secret@h"}) {
    const auto opened = Endpoint::open(openai_provider(), {bad, "", Json::object(), {}}, http::Secret());
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().kind, ErrorKind::usage);
    EXPECT_THAT(opened.error().message(), testing::Not(HasSubstr("secret")));
  }
  const Endpoint own = endpoint(gemini_provider(), "http://h:1");
  EXPECT_TRUE(own.is_own("http://h:1/upload?id=3"));
  EXPECT_FALSE(own.is_own("http://h:12/upload"));
  EXPECT_FALSE(own.is_own("http://evil/http://h:1/"));
  const auto host = [](const char* given) { return address_of(openai_provider(), given)->host_name(); };
  EXPECT_EQ(host(""), "api.openai.com");
  EXPECT_EQ(host("http://h:1/v1"), "h");
  EXPECT_EQ(host("http://[::1]:8/v1"), "[::1]");
  EXPECT_EQ(own.url_before_version("/upload", "/files"), "http://h:1/upload/v1beta/files");
  EXPECT_EQ(endpoint(gemini_provider(), "http://h?x=1").url("/f:download?alt=media"),
            "http://h/v1beta/f:download?alt=media&x=1");
}

TEST(Endpoint, RefusesJsonNestedTooDeeply) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(parse_json("gemini", nested(50)));
  for (const char* bad : {"", "{", "<html>", "\"\xff\"", R"("\u12")"})
    EXPECT_FALSE(parse_json("gemini", bad)) << bad;
  EXPECT_EQ(*parse_json("gemini", R"(["\ud800","a\udc00b","\ud83d\ude00","\\ud800"])"),
            Json::parse(R"(["\ufffd","a\ufffdb","\ud83d\ude00","\\ud800"])"));
  EXPECT_THAT(parse_json("gemini", "<html><title>Sign in</title>").error().detail,
              HasSubstr("an HTML page \"Sign in\""));
  EXPECT_TRUE(parse_json("gemini", "[1,\",,,,\",{}]", 5));
  EXPECT_THAT(parse_json("gemini", "[1,\",,,,\",{}]", 4).error().detail, HasSubstr("at most 4 values"));
  const auto deep = parse_json("gemini", nested(1'000'000));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().kind, ErrorKind::malformed);
  EXPECT_NE(deep.error().detail.find("100 levels"), std::string::npos);
}

TEST(Batches, CutByRowsAndBytes) {
  BatchText text({3, 20}, "\n");
  EXPECT_TRUE(text.fits(1000));  // a line that no batch could hold goes alone
  text.add(7, "12345");
  EXPECT_TRUE(text.fits(14));  // 5 + 1 + 14 = 20
  EXPECT_FALSE(text.fits(15));
  text.add(8, "6");
  text.add(9, "7");
  EXPECT_FALSE(text.fits(1));
  EXPECT_EQ(text.text(), "12345\n6\n7");
  EXPECT_THAT(text.keys(), ElementsAre(7, 8, 9));
  text.clear();
  EXPECT_TRUE(text.empty());
}

/// What a provider makes of a row of results: the answer or the error's detail, and whether to try again.
std::string row(const Provider& provider, const char* text) {
  Endpoint at = endpoint(provider);
  const auto found = provider.batches(at)->read_row(Json::parse(text));
  if (!found) return "no id";
  return found->id + ": " + (found->reply ? found->reply->text : found->reply.error().detail) +
         (found->again ? " (again)" : "");
}

TEST(Batches, OpenAiRows) {
  Endpoint at = endpoint(openai_provider());
  EXPECT_EQ(
      Json::parse(openai_provider().batches(at)->line("row-3", {{"model", "m"}})),
      Json::parse(
          R"({"custom_id":"row-3","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}})"));
  EXPECT_EQ(
      row(openai_provider(), R"({"id": "batch_req_123", "custom_id": "row-2", "response": {"status_code": 200,
      "request_id": "req_123", "body": {"choices": [{"message": {"content": "Hello."}}]}}, "error": null})"),
      "row-2: Hello.");
  EXPECT_EQ(row(openai_provider(), R"({"custom_id":"row-2","response":null,
      "error":{"code":"batch_expired","message":"too late"}})"),
            "row-2: batch_expired too late (again)");
  EXPECT_EQ(row(openai_provider(), R"({"custom_id":"row-2","response":{"status_code":400,
      "body":{"error":{"message":"bad image"}}},"error":null})"),
            "row-2: HTTP 400 bad image");
  const auto filtered = openai_provider().batches(at)->read_row(
      Json::parse(R"({"custom_id":"row-2","response":{"status_code":400,
      "body":{"error":{"code":"content_filter"}}},"error":null})"));
  EXPECT_EQ(filtered->reply->state, State::filtered);
  EXPECT_EQ(filtered->reply->finish_reason, "content_filter");
  EXPECT_EQ(row(openai_provider(), R"({"custom_id":"row-2","response":{"status_code":500,"body":{}}})"),
            "row-2: HTTP 500  (again)");
  EXPECT_EQ(row(openai_provider(), R"({"response":{}})"), "no id");
}

TEST(Batches, AnthropicRows) {
  Endpoint at = endpoint(anthropic_provider());
  EXPECT_EQ(anthropic_provider().batches(at)->line("row-3", {{"model", "m"}}),
            R"({"custom_id":"row-3","params":{"model":"m"}})");
  EXPECT_EQ(row(anthropic_provider(), R"({"custom_id":"row-2","result":{"type":"succeeded","message":
      {"content":[{"type":"text","text":"Hi"}]}}})"),
            "row-2: Hi");
  EXPECT_EQ(
      row(anthropic_provider(), R"({"custom_id":"row-2","result":{"type":"errored","error":{"type":"error",
      "error":{"type":"invalid_request_error","message":"no"}}}})"),
      "row-2: errored invalid_request_error no");
  EXPECT_EQ(
      row(anthropic_provider(), R"({"custom_id":"row-2","result":{"type":"errored","error":{"type":"error",
      "error":{"type":"overloaded_error","message":"busy"}}}})"),
      "row-2: errored overloaded_error busy (again)");
  EXPECT_EQ(row(anthropic_provider(), R"({"custom_id":"row-2","result":{"type":"expired"}})"),
            "row-2: expired   (again)");
  EXPECT_EQ(row(anthropic_provider(), R"({"custom_id":"row-2","result":{"type":"canceled"}})"),
            "row-2: canceled  ");
}

TEST(Batches, GeminiRows) {
  Endpoint at = endpoint(gemini_provider());
  EXPECT_EQ(gemini_provider().batches(at)->line("row-3", {{"contents", 1}}),
            R"({"key":"row-3","request":{"contents":1}})");
  EXPECT_EQ(
      row(gemini_provider(), R"({"key":"row-2","response":{"candidates":[{"content":{"parts":[{"text":"Hi"}]},
      "finishReason":"STOP"}]}})"),
      "row-2: Hi");
  EXPECT_EQ(row(gemini_provider(), R"({"key":"row-2","error":{"code":3,"message":"bad"}})"),
            "row-2: code 3 bad");
  EXPECT_EQ(row(gemini_provider(), R"({"metadata":{"key":"row-2"},"error":{"code":13,"message":"hm"}})"),
            "row-2: code 13 hm (again)");
}

}  // namespace
}  // namespace holisafe::ask
