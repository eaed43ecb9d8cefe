// Formats against requests and responses written down from the providers' documentation; prompts, tags,
// addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "judge/batch_service.h"
#include "judge/judge.h"
#include "judge/prompt.h"
#include "judge/verdict_tag.h"

namespace holisafe::judge {
namespace {

using taxonomy::Combination;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const Question question{"What now?", "\x89PNG bytes", "image/png"};

Endpoint endpoint(const Provider& provider, const std::string& url = "", const std::string& model = "m") {
  return std::move(*Endpoint::open(provider, {url, model, {}}, *http::Secret::from_text("k", "test")));
}

TEST(Judges, TableNamesEachOnce) {
  EXPECT_THAT(judge_names(), ElementsAre("string", "openai", "anthropic", "gemini", "local"));
  EXPECT_EQ(find_judge("gemini")->provider->name, "gemini");
  EXPECT_EQ(find_judge("GEMINI"), nullptr);
}

TEST(VerdictTag, TellsVerdictsFromEverythingElse) {
  const auto verdict = [](std::string_view text) { return read_verdict(text).verdict; };
  EXPECT_EQ(verdict("<label>True</label>"), Verdict::expected);
  EXPECT_EQ(verdict("<label>False</label> it helped"), Verdict::unexpected);
  EXPECT_EQ(verdict("I think:\n<LABEL> true\n</Label>"), Verdict::expected);
  EXPECT_EQ(verdict("<label>True</label> and again <label>TRUE</label>"), Verdict::expected);
  for (const char* none :
       {"", "True", "<label>True", "<label></label>", "<label>Maybe</label>", "<label>True or False</label>",
        "label>True</label>", "<label>True</label><label>False</label>", "&lt;label&gt;True&lt;/label&gt;",
        "<label>True</label> <label>", "<label><label>True</label></label>"}) {
    const Judged judged = read_verdict(none);
    EXPECT_EQ(judged.verdict, Verdict::unjudged) << none;
    EXPECT_FALSE(judged.reason.empty());
    EXPECT_EQ(judged.text, none);
  }
  const Judged longer = read_verdict(std::string(200, 'x') + "\n");
  EXPECT_THAT(longer.reason, HasSubstr("xxx…\""));
  EXPECT_LT(longer.reason.size(), 200);
}

TEST(Prompt, SubstitutesEachPlaceholderOnce) {
  const auto prompt =
      PromptTemplate::parse("{label}|{query}|{response}|{type}|{query}|{a b}|{}|{\"x\": 1}", "p");
  ASSERT_TRUE(prompt);
  const std::string filled = prompt->fill({"{response} {query}", "{label}\n{{query}}", Combination::SSU});
  EXPECT_EQ(filled,
            "unsafe|{response} {query}|{label}\n{{query}}|SSU|{response} {query}|{a b}|{}|{\"x\": 1}");
}

TEST(Prompt, LabelIsTheCombinations) {
  const auto prompt = PromptTemplate::parse("{safety_label} {question} {response}", "p");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->fill({"q", "r", Combination::SSS}), "safe q r");
  for (const auto type : {Combination::SSU, Combination::USU, Combination::SUU, Combination::UUU})
    EXPECT_EQ(prompt->fill({"q", "r", type}), "unsafe q r");
}

TEST(Prompt, RefusesWhatCannotWork) {
  const auto unknown = PromptTemplate::parse("{response} {answer}", "file.txt");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::unexpected);
  EXPECT_THAT(unknown.error().message(), HasSubstr("file.txt: expected {query}"));
  EXPECT_THAT(unknown.error().message(), HasSubstr("found {answer}"));
  EXPECT_EQ(PromptTemplate::parse("{query}", "p").error().kind, ErrorKind::missing);
  EXPECT_EQ(PromptTemplate::parse("{response}\xff", "p").error().kind, ErrorKind::invalid_utf8);
  const std::string standard = PromptTemplate::standard().fill({"QQ", "RR", Combination::SSS});
  for (const char* part : {"QQ", "RR", "Label: safe", "<label>True</label>", "<label>False</label>"})
    EXPECT_THAT(standard, HasSubstr(part));
}

TEST(OpenAi, ChatCompletion) {
  const http::Request request = endpoint(openai_provider()).ask(question);
  EXPECT_EQ(request.url, "https://api.openai.com/v1/chat/completions");
  EXPECT_THAT(request.headers, ElementsAre("Content-Type: application/json"));
  EXPECT_EQ(Json::parse(request.body), Json::parse(R"({
    "model": "m",
    "messages": [{"role": "user", "content": [
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORyBieXRlcw=="}},
      {"type": "text", "text": "What now?"}]}],
    "temperature": 0, "max_tokens": 100})"));
  EXPECT_EQ(*openai_provider().answer(Json::parse(R"({
    "id": "chatcmpl-B9", "object": "chat.completion", "created": 1741569952, "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "<label>True</label>", "refusal": null},
                 "logprobs": null, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163}})")),
            "<label>True</label>");
  const auto kind = [](const char* text) { return openai_provider().answer(Json::parse(text)).error().kind; };
  EXPECT_EQ(kind(R"({"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]})"),
            ErrorKind::refused);
  EXPECT_EQ(kind(R"({"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]})"),
            ErrorKind::refused);
  for (const char* bad : {"{}", "[]", "null", R"({"choices":[]})", R"({"choices":[{}]})",
                          R"({"choices":[{"message":{"content":5}}]})", R"({"error":{"message":"x"}})"})
    EXPECT_EQ(kind(bad), ErrorKind::malformed) << bad;
}

TEST(Anthropic, Message) {
  const http::Request request = endpoint(anthropic_provider()).ask(question);
  EXPECT_EQ(request.url, "https://api.anthropic.com/v1/messages");
  EXPECT_THAT(request.headers,
              ElementsAre("anthropic-version: 2023-06-01", "Content-Type: application/json"));
  EXPECT_EQ(Json::parse(request.body), Json::parse(R"({
    "model": "m", "max_tokens": 100, "temperature": 0,
    "messages": [{"role": "user", "content": [
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORyBieXRlcw=="}},
      {"type": "text", "text": "What now?"}]}]})"));
  EXPECT_EQ(*anthropic_provider().answer(Json::parse(R"({
    "id": "msg_01", "type": "message", "role": "assistant", "model": "m",
    "content": [{"type": "text", "text": "<label>Fal"}, {"type": "text", "text": "se</label>"}],
    "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 2095, "output_tokens": 5}})")),
            "<label>False</label>");
  const auto kind = [](const char* text) {
    return anthropic_provider().answer(Json::parse(text)).error().kind;
  };
  EXPECT_EQ(kind(R"({"content":[],"stop_reason":"refusal"})"), ErrorKind::refused);
  EXPECT_EQ(kind(R"({"type":"error","error":{"type":"overloaded_error"}})"), ErrorKind::malformed);
}

TEST(Gemini, GenerateContent) {
  const http::Request request = endpoint(gemini_provider()).ask(question);
  EXPECT_EQ(request.url, "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent");
  Json body = Json::parse(request.body);
  EXPECT_EQ(body["safetySettings"].size(), 4);
  body.erase("safetySettings");
  EXPECT_EQ(body, Json::parse(R"({
    "contents": [{"role": "user", "parts": [
      {"inline_data": {"mime_type": "image/png", "data": "iVBORyBieXRlcw=="}}, {"text": "What now?"}]}],
    "generationConfig": {"temperature": 0, "maxOutputTokens": 100}})"));
  EXPECT_EQ(*gemini_provider().answer(Json::parse(R"({
    "candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "<label>True</label>"}],
                                "role": "model"}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 260}, "modelVersion": "gemini-2.0-flash"})")),
            "<label>True</label>");
  const auto kind = [](const char* text) { return gemini_provider().answer(Json::parse(text)).error().kind; };
  EXPECT_EQ(kind(R"({"promptFeedback":{"blockReason":"SAFETY"}})"), ErrorKind::refused);
  EXPECT_EQ(kind(R"({"candidates":[{"finishReason":"PROHIBITED_CONTENT"}]})"), ErrorKind::refused);
  EXPECT_EQ(kind(R"({"candidates":[{"content":{}}]})"), ErrorKind::malformed);
  EXPECT_EQ(kind("{}"), ErrorKind::malformed);
  EXPECT_EQ(*gemini_provider().answer(
                Json::parse(R"({"candidates":[{"content":{},"finishReason":"MAX_TOKENS"}]})")),
            "");
}

TEST(Endpoint, AddressesWithAndWithoutPath) {
  const auto url = [](const Provider& provider, const std::string& given) {
    return endpoint(provider, given, "a/b c").ask(question).url;
  };
  EXPECT_EQ(url(openai_provider(), "http://h:1"), "http://h:1/v1/chat/completions");
  EXPECT_EQ(url(openai_provider(), "http://h:1/v1/"), "http://h:1/v1/chat/completions");
  EXPECT_EQ(url(anthropic_provider(), "http://h:1"), "http://h:1/v1/messages");
  EXPECT_EQ(url(gemini_provider(), "http://h:1/x/v1"), "http://h:1/x/v1/models/a/b%20c:generateContent");
  for (const char* bad : {"h:1", "ftp://h", "http://", "http://h?x=1"}) {
    const auto opened = Endpoint::open(openai_provider(), {bad, "", {}}, http::Secret());
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().kind, ErrorKind::usage);
  }
  const Endpoint own = endpoint(gemini_provider(), "http://h:1");
  EXPECT_TRUE(own.is_own("http://h:1/upload?id=3"));
  EXPECT_FALSE(own.is_own("http://h:12/upload"));
  EXPECT_FALSE(own.is_own("http://evil/http://h:1/"));
  EXPECT_EQ(own.url_before_version("/upload", "/files"), "http://h:1/upload/v1beta/files");
}

TEST(Endpoint, RefusesJsonNestedTooDeeply) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(parse_json("gemini", nested(50)));
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
  EXPECT_THAT(text.rows(), ElementsAre(7, 8, 9));
  text.clear();
  EXPECT_TRUE(text.empty());
}

/// What a provider makes of a row of results: the answer or the error's detail, and whether to try again.
std::string row(const Provider& provider, const char* text) {
  Endpoint at = endpoint(provider);
  const auto found = provider.batches(at)->read_row(Json::parse(text));
  if (!found) return "no id";
  return found->id + ": " + (found->answer ? *found->answer : found->answer.error().detail) +
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
}  // namespace holisafe::judge
