#include "serve/service.h"

#include <gmock/gmock.h>

#include "serve/service_case.h"

namespace holisafe::serve {
namespace {

using http::header_of;
using testing::HasSubstr;
using testing::Not;

constexpr const char* key = "sk-test";

TEST_F(ServiceTest, SaysThatTheModelIsBeingLoaded) {
  open(false);
  const auto health = ask(request("GET", "/health"));
  EXPECT_EQ(fault_of(health), "503 loading");
  EXPECT_NE(header_of(health, "Retry-After"), "");
  EXPECT_EQ(fault_of(ask_chat(question_body({}, "hello"))), "503 loading");
  EXPECT_EQ(fault_of(ask(request("GET", "/v1/other"))), "404 not_found");
  load();
  EXPECT_EQ(json_of(ask(request("GET", "/health"))), Json({{"status", "ok"}}));
}

TEST_F(ServiceTest, TakesItsPathsAndMethodsAlone) {
  open();
  EXPECT_EQ(fault_of(ask(request("POST", "/v1/completions", "{}"))), "404 not_found");
  EXPECT_EQ(fault_of(ask(request("GET", "/v1/models/"))), "404 not_found");
  const auto wrong = ask(request("GET", "/v1/chat/completions"));
  EXPECT_EQ(fault_of(wrong), "405 method_not_allowed");
  EXPECT_EQ(header_of(wrong, "Allow"), "POST");
  EXPECT_EQ(header_of(ask(request("POST", "/health", "{}")), "Allow"), "GET");
  const auto typed = [this](const std::string& type) {
    return fault_of(ask(request("POST", "/v1/moderations", "{", {{"content-type", type}})));
  };
  EXPECT_EQ(typed("text/plain"), "415 unsupported_media_type");
  EXPECT_EQ(typed(""), "415 unsupported_media_type");
  EXPECT_EQ(typed("Application/JSON; charset=utf-8"), "400 invalid_json");
  EXPECT_EQ(json_of(ask(request("GET", "/v1/models")))["data"][0]["id"], "tiny");
}

TEST_F(ServiceTest, AsksForAKey) {
  options_.keys = {"first", key};
  open();
  const auto with = [this](const http::Headers& headers, const std::string& path = "/v1/models") {
    return fault_of(ask(request("GET", path, "", headers)));
  };
  EXPECT_EQ(with({}), "401 invalid_api_key");
  EXPECT_EQ(with({}, "/metrics"), "401 invalid_api_key");
  EXPECT_EQ(with({{"authorization", "Bearer sk-tes"}}), "401 invalid_api_key");
  EXPECT_EQ(with({{"authorization", std::string("Basic ") + key}}), "401 invalid_api_key");
  EXPECT_EQ(with({{"authorization", std::string("Bearer ") + key}}), "200");
  EXPECT_EQ(with({{"x-api-key", key}}), "200");
  EXPECT_EQ(with({}, "/health"), "200");
  const auto lines = lines_of("access.jsonl");
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[0]["key"], nullptr);
  EXPECT_EQ(lines[4]["key"], 2);
  for (const Json& line : lines) EXPECT_THAT(line.dump(), Not(HasSubstr(key)));
}

TEST_F(ServiceTest, LooksAtHostAndOrigin) {
  options_.allowed_hosts = {"guard.local"};
  options_.allowed_origins = {"https://app.example"};
  open();
  const auto of_host = [this](const std::string& host) {
    return fault_of(ask(request("GET", "/health", "", {{"host", host}})));
  };
  for (const char* host : {"localhost", "localhost:1", "127.0.0.1", "[::1]:8080", "Guard.local:80"})
    EXPECT_EQ(of_host(host), "200") << host;
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]"})
    EXPECT_EQ(of_host(host), "403 forbidden_host") << host;
  const auto of_origin = [this](const std::string& origin, const std::string& method = "GET") {
    return ask(request(method, "/health", "", {{"origin", origin}}));
  };
  EXPECT_EQ(fault_of(of_origin("https://evil.example")), "403 forbidden_origin");
  EXPECT_EQ(fault_of(of_origin("null")), "403 forbidden_origin");
  EXPECT_EQ(fault_of(of_origin("https://evil.example", "OPTIONS")), "403 forbidden_origin");
  const auto own = of_origin("http://127.0.0.1:8080");
  EXPECT_EQ(own.status, 200);
  EXPECT_EQ(header_of(own, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(header_of(of_origin("https://app.example"), "Access-Control-Allow-Origin"),
            "https://app.example");
  const auto preflight = of_origin("https://app.example", "OPTIONS");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Methods"), "GET");
}

TEST_F(ServiceTest, NamesEveryRequest) {
  open();
  const auto id_of = [this](const std::string& id) {
    return header_of(ask(request("GET", "/health", "", {{"x-request-id", id}})), "X-Request-Id");
  };
  EXPECT_EQ(id_of("a.B-9_"), "a.B-9_");
  for (const auto& id : {std::string("a b"), std::string(65, 'a'), std::string("a\"")}) {
    EXPECT_NE(id_of(id), id);
    EXPECT_NE(id_of(id), "");
  }
  EXPECT_NE(header_of(ask(request("GET", "/nothing")), "X-Request-Id"), "");
  EXPECT_EQ(header_of(service_->fault(http::ServerFault::body_too_large,
                                      request("POST", "/v1/moderations", "", {{"x-request-id", "mine"}})),
                      "X-Request-Id"),
            "mine");
}

TEST_F(ServiceTest, AnswersWithTheVerdictInOneSubmission) {
  open();
  const auto answer = ask_chat(question_body({"safe"}, "three short words"));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json json = json_of(answer);
  EXPECT_EQ(json["choices"][0]["message"]["content"], "three short words ");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(json["usage"], Json({{"prompt_tokens", 7}, {"completion_tokens", 3}, {"total_tokens", 10}}));
  EXPECT_EQ(json["moderation"]["action"], "allow");
  EXPECT_EQ(json["moderation"]["input"]["results"].size(), 1U);
  EXPECT_EQ(header_of(answer, "X-Holisafe-Action"), "allow");
  EXPECT_EQ(model_->questions, 1);
  EXPECT_EQ(model_->judged, 1);
  // What is known is not judged again.
  EXPECT_EQ(ask_chat(question_body({"safe"}, "again")).status, 200);
  EXPECT_EQ(model_->questions, 2);
  EXPECT_EQ(model_->judged, 1);
}

TEST_F(ServiceTest, StreamsBehindTheVerdict) {
  open();
  Json body = question_body({"safe"}, "one two");
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  for (int round = 0; round < 2; ++round) {  // judged, then out of the cache
    const auto answer = ask_chat(body);
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(header_of(answer, "Content-Type"), "text/event-stream");
    EXPECT_EQ(header_of(answer, "X-Holisafe-Action"), "allow");
    const auto events = events_of(answer.body);
    ASSERT_EQ(events.size(), 6U) << answer.body;
    const Json first = Json::parse(events[0]);
    EXPECT_EQ(first["choices"][0]["delta"], Json({{"role", "assistant"}, {"content", ""}}));
    EXPECT_EQ(first["moderation"]["action"], "allow");
    EXPECT_EQ(Json::parse(events[1])["choices"][0]["delta"]["content"], "one ");
    EXPECT_EQ(Json::parse(events[3])["choices"][0]["finish_reason"], "stop");
    EXPECT_EQ(Json::parse(events[4])["usage"]["completion_tokens"], 2);
    EXPECT_EQ(events[5], "[DONE]");
  }
}

TEST_F(ServiceTest, BlocksBeforeTheFirstToken) {
  open();
  for (int round = 0; round < 2; ++round) {  // judged, then out of the cache
    const auto answer = ask_chat(question_body({"safe", "gender"}, "one two three"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json json = json_of(answer);
    EXPECT_EQ(json["choices"][0]["message"]["content"], "No: gender.");
    EXPECT_EQ(json["choices"][0]["message"]["refusal"], "No: gender.");
    EXPECT_EQ(json["choices"][0]["finish_reason"], "content_filter");
    EXPECT_EQ(header_of(answer, "X-Holisafe-Action"), "block");
    EXPECT_TRUE(comes_true([this] { return model_->live == 0 && service_->under_way() == 0; }));
    EXPECT_EQ(model_->tokens, 0);
  }
  EXPECT_EQ(model_->questions, 1);
  Json body = question_body({"gender"}, "one");
  body["stream"] = true;
  const auto events = events_of(ask_chat(body).body);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(Json::parse(events[0])["moderation"]["action"], "block");
  EXPECT_EQ(Json::parse(events[1])["choices"][0]["delta"]["refusal"], "No: gender.");
  EXPECT_EQ(Json::parse(events[2])["choices"][0]["finish_reason"], "content_filter");
}

TEST_F(ServiceTest, WarnsAndWritesWhatIsToBeReviewed) {
  policy_.warning = "Careful: {subcategory}. ";
  const std::size_t gender = *taxonomy::parse_class("gender");
  const std::size_t race = *taxonomy::parse_class("race");
  policy_.classes[gender].action = policy::Action::warn;
  policy_.classes[race].action = policy::Action::review;
  open();
  const auto warned = ask_chat(question_body({"gender"}, "yes"));
  EXPECT_EQ(json_of(warned)["choices"][0]["message"]["content"], "Careful: gender. yes ");
  EXPECT_EQ(header_of(warned, "X-Holisafe-Action"), "warn");
  Json stream = question_body({"gender"}, "yes");
  stream["stream"] = true;
  EXPECT_EQ(Json::parse(events_of(ask_chat(stream).body).at(1))["choices"][0]["delta"]["content"],
            "Careful: gender. ");
  const auto reviewed = ask(request("POST", "/v1/chat/completions", question_body({"race"}, "yes").dump(),
                                    {{"x-request-id", "to-review"}}));
  EXPECT_EQ(json_of(reviewed)["choices"][0]["message"]["content"], "yes ");
  EXPECT_EQ(header_of(reviewed, "X-Holisafe-Action"), "review");
  const auto lines = lines_of("review.jsonl");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["id"], "to-review");
  EXPECT_EQ(lines[0]["sha256"], hex(sha256(png_signature + "race")));
  EXPECT_EQ(lines[0]["scores"]["race"], 0.9);
}

TEST_F(ServiceTest, SaysWhatIsWrongWithARequest) {
  open();
  const auto bad = ask_chat(question_body({"safe", "unreadable"}, "one"));
  EXPECT_EQ(fault_of(bad), "400 invalid_image");
  EXPECT_EQ(json_of(bad)["error"]["param"], "messages[0].content[1].image_url.url");
  EXPECT_THAT(bad.body, Not(HasSubstr("no JPEG")));
  EXPECT_EQ(fault_of(ask_chat(question_body({"huge"}, "one"))), "400 image_too_large");
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "word ";
  EXPECT_EQ(fault_of(ask_chat(question_body({"safe"}, text))), "400 context_length_exceeded");
  Json other = question_body({}, "one");
  other["model"] = "gpt-4o";
  EXPECT_EQ(fault_of(ask_chat(other)), "404 model_not_found");
  EXPECT_EQ(fault_of(ask_chat(question_body({}, "fail"))), "500 internal_error");
  Json stream = question_body({}, "one fail");
  stream["stream"] = true;
  const auto cut = ask_chat(stream);
  EXPECT_EQ(cut.status, 200);
  const auto events = events_of(cut.body);
  EXPECT_EQ(Json::parse(events.back())["error"]["code"], "internal_error");
  stream = question_body({"unreadable"}, "one");
  stream["stream"] = true;
  EXPECT_EQ(fault_of(ask_chat(stream)), "400 invalid_image");
}

TEST_F(ServiceTest, FailsClosedUnlessThePolicySaysOtherwise) {
  open();
  for (const char* image : {"nan", "guard-fails"}) {
    EXPECT_EQ(fault_of(ask_chat(question_body({image}, "one"))), "503 guard_failed") << image;
    const Json body{{"input", {image_member(image)}}};
    EXPECT_EQ(fault_of(ask(request("POST", "/v1/moderations", body.dump()))), "503 guard_failed");
  }
  EXPECT_EQ(model_->tokens, 0);
  policy_.fails_open = true;
  service_->policy(policy_);
  for (const char* image : {"nan", "guard-fails"}) {
    const auto answer = ask_chat(question_body({image}, "one"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(json_of(answer)["moderation"]["input"]["type"], "error");
    EXPECT_EQ(json_of(answer)["moderation"]["input"]["code"], "guard_failed");
    const Json body{{"input", {image_member(image)}}};
    EXPECT_EQ(fault_of(ask(request("POST", "/v1/moderations", body.dump()))), "503 guard_failed");
  }
  EXPECT_EQ(fault_of(ask_chat(question_body({"unreadable"}, "one"))), "400 invalid_image");
  EXPECT_EQ(json_of(ask(request("GET", "/health")))["fails_open"], true);
}

TEST_F(ServiceTest, Moderates) {
  open();
  Json body{{"input",
             {image_member("safe"),
              {{"type", "text"}, {"text", "hm"}},
              image_member("gender"),
              image_member("safe")}}};
  const Json json = json_of(ask(request("POST", "/v1/moderations", body.dump())));
  ASSERT_EQ(json["results"].size(), 3U) << json.dump();
  EXPECT_EQ(json["action"], "block");
  EXPECT_EQ(json["results"][0]["flagged"], false);
  EXPECT_EQ(json["results"][1]["flagged"], true);
  EXPECT_EQ(json["results"][1]["categories"]["gender"], true);
  EXPECT_EQ(model_->judged, 2);  // one of them stands there twice
  body["model"] = "omni-moderation-latest";
  EXPECT_EQ(json_of(ask(request("POST", "/v1/moderations", body.dump())))["results"][1]["categories"]["hate"],
            true);
  body["model"] = "other";
  EXPECT_EQ(fault_of(ask(request("POST", "/v1/moderations", body.dump()))), "404 model_not_found");
  EXPECT_EQ(fault_of(ask(request("POST", "/v1/moderations", R"({"input": "words"})"))), "400 no_image");
  body = {{"input", {image_member("unreadable"), image_member("race")}}};
  EXPECT_EQ(fault_of(ask(request("POST", "/v1/moderations", body.dump()))), "400 invalid_image");
}

TEST_F(ServiceTest, BlocksForLiteLlmWhatCannotBeJudged) {
  open();
  const auto ask_guardrail = [this](const Json& body) {
    const auto answer = ask(request("POST", "/beta/litellm_basic_guardrail_api", body.dump()));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json_of(answer);
  };
  const auto images = [](const std::string& bytes) {
    return Json{{"input_type", "request"}, {"images", {shown_uri(bytes)}}};
  };
  EXPECT_EQ(ask_guardrail(images("safe"))["action"], "NONE");
  EXPECT_EQ(ask_guardrail({{"input_type", "request"}, {"images", nullptr}})["action"], "NONE");
  EXPECT_EQ(ask_guardrail(images("gender"))["blocked_reason"], "No: gender.");
  for (const char* bad : {"unreadable", "huge", "nan", "guard-fails"})
    EXPECT_EQ(ask_guardrail(images(bad))["action"], "BLOCKED") << bad;
  EXPECT_EQ(ask_guardrail({{"input_type", "request"}, {"images", {"https://else.example/a.png"}}})["action"],
            "BLOCKED");
  const auto large = service_->fault(http::ServerFault::body_too_large,
                                     request("POST", "/beta/litellm_basic_guardrail_api"));
  EXPECT_EQ(json_of(large)["action"], "BLOCKED");
}

}  // namespace
}  // namespace holisafe::serve
