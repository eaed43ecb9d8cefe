// What errors say: filters, quotas, parameters.
#include "ask/refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/parameters.h"
#include "ask/provider.h"

namespace holisafe::ask {
namespace {

TEST(Errors, ContentFiltersHaveCodesOfTheirOwn) {
  const auto code = [](const char* text) { return content_filter_code(Json::parse(text)); };
  EXPECT_EQ(code(R"({"error":{"code":"content_filter"}})"), "content_filter");
  EXPECT_EQ(code(R"({"error":{"code":"x","innererror":{"code":"ResponsibleAIPolicyViolation"}}})"),
            "ResponsibleAIPolicyViolation");
  EXPECT_EQ(code(R"({"type":"content_policy_violation"})"), "content_policy_violation");
  EXPECT_TRUE(code(R"({"error":{"code":null,"type":"content_policy_violation"}})"));
  for (
      const char* spoken :
      {R"({"error":"content_filter"})", R"("Blocked by content policy")",
       R"({"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged"}})",
       R"({"error":{"code":403,"message":"no","metadata":{"reasons":["violence"],"flagged_input":"..."}}})",
       R"({"error":{"message":"The prompt was flagged; repeated violations may close your account"}})",
       R"({"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy: Content Policy"}})",
       R"({"message":"Your request was rejected by our safety system"})",
       R"({"error":{"message":"Provider returned error","code":403,"metadata":{"raw":"{\"error\":\"content policy\"}"}}})",
       R"({"error":{"message":"Forbidden","type":"content_policy"}})",
       R"([{"error":{"message":"Forbidden","details":[{"reason":"moderation"}]}}])",
       R"([{"error":{"code":400,"message":"Content management policy"}}])"})
    EXPECT_EQ(code(spoken), "content_filter") << spoken;
  for (const char* other :
       {"{}", "7", "[1]", "null", R"({"error":{"code":"bad_image"}})", R"({"error":{"code":5}})",
        R"({"error":{"message":"Project `p` does not have access to model `omni-moderation`"}})",
        R"({"error":{"message":"Your account has been flagged for review"}})",
        R"({"error":{"message":"Invalid API key; see our content policy"}})",
        R"({"error":{"message":"model m does not exist"}})",
        R"({"choices":[{"message":{"content":"The input was flagged by moderation"}}]})",
        R"({"error":{"message":"Your API key is disabled","details":"see our usage policy"}})"})
    EXPECT_FALSE(code(other)) << other;
}

TEST(Errors, TextIsFoundInEveryForm) {
  const auto text = [](const char* body) { return error_text(Json::parse(body)); };
  EXPECT_EQ(text(R"({"error":{"message":"a"}})"), "a");
  EXPECT_EQ(text(R"([{"error":{"message":"a"}}])"), "a");
  EXPECT_EQ(text(R"({"errors":[{"message":"a"}]})"), "a");
  EXPECT_EQ(text(R"({"error":{"message":"a","metadata":{"raw":"b"}}})"), "a: b");
  EXPECT_EQ(text(R"("a")"), "a");
  for (const char* none : {"{}", "[]", "7", "null", R"({"error":{"code":1}})", R"([[[[[[["a"]]]]]]])"})
    EXPECT_EQ(text(none), "") << none;
}

TEST(Errors, AMissingModelIsNamedByItsCode) {
  EXPECT_TRUE(lacks_model(Json::parse(R"({"error":{"code":"model_not_found","message":"x"}})")));
  EXPECT_FALSE(lacks_model(Json::parse(R"({"error":{"code":"bad_image","message":"model_not_found"}})")));
  const auto hopeless = [](long status, const char* body) {
    http::Outcome outcome;
    outcome.error = Error{ErrorKind::refused, "x", "", ""};
    outcome.response.status = status;
    outcome.response.body = body;
    return is_hopeless(outcome);
  };
  EXPECT_TRUE(hopeless(400, R"({"error":{"code":"model_not_found"}})"));
  EXPECT_FALSE(hopeless(400, R"({"error":{"code":"bad_image"}})"));
  EXPECT_TRUE(hopeless(405, "<html>"));
  EXPECT_TRUE(hopeless(404, ""));
  EXPECT_FALSE(hopeless(429, R"({"error":{"code":"rate_limit_exceeded"}})"));
  EXPECT_TRUE(hopeless(429, R"({"error":{"code":"insufficient_quota"}})"));
  EXPECT_FALSE(hopeless(500, R"({"error":{"code":"insufficient_quota"}})"));
}

TEST(Errors, QuotaIsNoRateLimit) {
  EXPECT_TRUE(is_out_of_quota(Json::parse(R"({"error":{"type":"x","code":"insufficient_quota"}})")));
  EXPECT_TRUE(is_out_of_quota(Json::parse(R"({"error":{"type":"insufficient_quota"}})")));
  EXPECT_FALSE(is_out_of_quota(Json::parse(R"({"error":{"code":"rate_limit_exceeded","message":"quota"}})")));
  EXPECT_FALSE(is_out_of_quota(Json::parse("[]")));
}

/// What changes after an error, as a run remembers it.
std::string change(const Provider& provider, const Parameters& sent, const char* error) {
  const auto found = change_for(provider, sent, Json::parse(error));
  if (!found) return "nothing";
  EXPECT_NE(found->said, "");
  return found->parameters.text();
}

TEST(Parameters, ChangeWhereAnErrorNamesThem) {
  const auto& openai = openai_provider();
  const char* tokens = R"({"error":{"message":"Use 'max_completion_tokens' instead.","param":"max_tokens"}})";
  const char* temperature = R"({"error":{"message":"Unsupported value: 'temperature' does not support 0"}})";
  EXPECT_EQ(change(openai, {}, tokens), "max_completion_tokens");
  EXPECT_EQ(change(openai, {}, R"({"error":"max_tokens: unknown"})"), "max_completion_tokens");
  EXPECT_EQ(change(openai, {}, temperature), "no-temperature");
  EXPECT_EQ(change(openai, {}, R"({"detail":[{"loc":["body","temperature"],"msg":"not permitted"}]})"),
            "no-temperature");
  EXPECT_EQ(change(openai, {}, R"({"detail":[{"loc":["body","messages"],"msg":"not permitted"}]})"),
            "nothing");
  EXPECT_EQ(change(openai, {true, false}, temperature), "max_completion_tokens no-temperature");
  EXPECT_EQ(change(openai, {true, false}, tokens), "nothing");
  EXPECT_EQ(change(openai, {false, true}, temperature), "nothing");
  EXPECT_EQ(change(anthropic_provider(), {}, tokens), "nothing");
  EXPECT_EQ(change(anthropic_provider(), {}, R"({"error":{"message":"`temperature` is deprecated"}})"),
            "no-temperature");
  EXPECT_EQ(
      change(gemini_provider(), {}, R"({"error":{"message":"x","param":"generation_config.temperature"}})"),
      "no-temperature");
  for (const char* named :
       {R"({"error":{"message":"x","param":"response_format.type"}})", R"({"error":"response_format?"})",
        R"({"detail":[{"loc":["body","response_format","json_schema"],"msg":"Extra inputs"}]})",
        R"({"message":"guided decoding: 'response_format' is not supported"})"}) {
    EXPECT_EQ(change(openai, {}, named), "no-schema") << named;
    EXPECT_EQ(change(openai, {false, false, true}, named), "nothing") << named;
    EXPECT_EQ(change(anthropic_provider(), {}, named), "nothing") << named;
  }
  for (const char* other :
       {R"({"error":{"message":"bad image"}})", R"({"error":"response_formats"})",
        R"({"error":{"message":"max_tokens_to_sample"}})",
        R"({"error":{"message":"max_tokens is too large: 9","param":"max_tokens"}})",
        R"({"error":{"message":"temperature of max_tokens","param":"messages"}})", "{}", "null"})
    EXPECT_EQ(change(openai, {}, other), "nothing") << other;
}

TEST(Parameters, AreAppliedToBodiesAndRemembered) {
  Json sent = Json::parse(R"({"max_tokens":100,"temperature":0})");
  Parameters{true, true}.apply(sent);
  EXPECT_FALSE(sent.contains("max_tokens"));
  EXPECT_FALSE(sent.contains("temperature"));
  EXPECT_EQ(sent["max_completion_tokens"], 100);
  Json own = Json::parse(R"({"max_tokens":5,"max_completion_tokens":7})");
  Parameters{true, false}.apply(own);
  EXPECT_EQ(own, Json::parse(R"({"max_completion_tokens":7})"));
  Json gemini = Json::parse(R"({"generationConfig":{"maxOutputTokens":100,"temperature":0}})");
  Parameters{true, true}.apply(gemini);
  EXPECT_EQ(gemini["generationConfig"], Json::parse(R"({"maxOutputTokens":100})"));
  for (const Parameters& each :
       {Parameters{}, Parameters{true, false}, Parameters{false, true}, Parameters{true, true},
        Parameters{false, false, true}, Parameters{true, true, true}})
    EXPECT_EQ(*Parameters::parse(each.text()), each);
  EXPECT_EQ(Parameters::parse("max_completion_tokens x").error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace holisafe::ask
