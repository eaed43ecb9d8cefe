#include "serve/service.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/hash.h"
#include "base/text.h"
#include "schedule/stub_executor.h"
#include "serve/fake_exchange.h"
#include "serve/scripted_model.h"

namespace holisafe::serve {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr const char* key = "sk-test";

std::string shown_uri(const std::string& shows) {
  const std::string bytes = png_signature + shows;
  return "data:image/png;base64," + base64(std::as_bytes(std::span(bytes)));
}

Json image_member(const std::string& bytes) {
  return {{"type", "image_url"}, {"image_url", {{"url", shown_uri(bytes)}}}};
}

/// A chat of one user turn: images, then a text.
Json question_body(const std::vector<std::string>& images, const std::string& text) {
  Json content = Json::array();
  for (const auto& image : images) content.push_back(image_member(image));
  content.push_back({{"type", "text"}, {"text", text}});
  return {{"model", "tiny"}, {"messages", {{{"role", "user"}, {"content", content}}}}};
}

std::string header_of(const http::ServerResponse& answer, std::string_view name) {
  for (const auto& [key_name, value] : answer.headers) {
    if (key_name == ascii_lower(name)) return value;
  }
  return {};
}

/// The events of a stream; comments left out.
std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> out;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: ")) out.push_back(line.substr(6));
  }
  return out;
}

/// Waits for what another thread does; false: it never did.
bool comes_true(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(1));
  return holds();
}

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("serve_test_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    options_.model_name = "tiny";
    options_.access_log = folder_ / "access.jsonl";
    options_.review_log = folder_ / "review.jsonl";
    limits_.prepare_threads = 1;
  }
  void TearDown() override {
    service_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(bool with_model = true) {
    auto service = Service::open(std::move(options_), policy_);
    ASSERT_TRUE(service) << service.error().message();
    service_ = *std::move(service);
    if (with_model) load();
  }
  void load() { service_->model(std::make_unique<schedule::Scheduler>(model_, limits_)); }

  static http::ServerRequest request(const std::string& method, const std::string& path,
                                     const std::string& body = {}, http::Headers more = {}) {
    http::ServerRequest out{method, path, {}, {{"host", "127.0.0.1:8080"}}, body};
    if (method == "POST") out.headers.emplace_back("content-type", "application/json");
    for (auto& header : more) {
      std::erase_if(out.headers, [&](const auto& old) { return old.first == header.first; });
      if (!header.second.empty()) out.headers.push_back(std::move(header));
    }
    return out;
  }
  /// As a server does it: the head first.
  std::shared_ptr<FakeExchange> begin(http::ServerRequest asked) {
    auto exchange = std::make_shared<FakeExchange>();
    http::ServerRequest head = asked;
    head.body.clear();
    if (auto answer = service_->accept(head)) {
      exchange->respond(*std::move(answer));
    } else {
      service_->handle(std::move(asked), exchange);
    }
    return exchange;
  }
  http::ServerResponse ask(http::ServerRequest asked) { return begin(std::move(asked))->wait(); }
  http::ServerResponse ask_chat(const Json& body) {
    return ask(request("POST", "/v1/chat/completions", body.dump()));
  }
  std::shared_ptr<FakeExchange> begin_chat(const Json& body) {
    return begin(request("POST", "/v1/chat/completions", body.dump()));
  }
  static Json json_of(const http::ServerResponse& answer) { return Json::parse(answer.body); }
  /// "503 overloaded".
  static std::string fault_of(const http::ServerResponse& answer) {
    const Json json = Json::parse(answer.body, nullptr, false);
    if (!json.is_object() || !json.contains("error")) return std::to_string(answer.status);
    return std::to_string(answer.status) + " " + json["error"]["code"].get<std::string>();
  }
  /// The lines of a log, once the service has written them.
  std::vector<Json> lines_of(const std::string& file) {
    service_.reset();
    std::vector<Json> out;
    std::ifstream lines(folder_ / file);
    for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line));
    return out;
  }

  std::filesystem::path folder_;
  ServiceOptions options_;
  policy::Policy policy_ = [] {
    policy::Policy out = policy::of_threshold(0.5);
    out.refusal = "No: {subcategory}.";
    return out;
  }();
  schedule::Limits limits_;
  std::shared_ptr<ScriptedModel> model_ = std::make_shared<ScriptedModel>();
  std::unique_ptr<Service> service_;
};

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

/// Holds the model's steps until it goes.
class Held {
 public:
  explicit Held(ScriptedModel& model) {
    model.on_step = [this] { gate_.pass(); };
  }
  ~Held() { gate_.open(); }
  schedule::Gate& gate() { return gate_; }

 private:
  schedule::Gate gate_;
};

TEST_F(ServiceTest, TurnsAwayWhatItHasNoRoomFor) {
  Held held(*model_);
  options_.most_requests = 2;
  open();
  const auto first = begin_chat(question_body({"safe"}, "one"));
  const auto second = begin_chat(question_body({"safe"}, "two"));
  const auto third = ask_chat(question_body({}, "three"));
  EXPECT_EQ(fault_of(third), "503 overloaded");
  EXPECT_NE(header_of(third, "Retry-After"), "");
  const Json images{{"input_type", "request"}, {"images", {shown_uri("safe")}}};
  const auto guardrail = ask(request("POST", "/beta/litellm_basic_guardrail_api", images.dump()));
  EXPECT_EQ(json_of(guardrail)["action"], "BLOCKED");
  EXPECT_EQ(ask(request("GET", "/health")).status, 200);
  held.gate().open();
  EXPECT_EQ(first->wait().status, 200);
  EXPECT_EQ(second->wait().status, 200);
  ASSERT_TRUE(comes_true([this] { return service_->under_way() == 0; }));
  EXPECT_EQ(ask_chat(question_body({}, "three")).status, 200);
  TearDown();
}

TEST_F(ServiceTest, GivesUpWhatWaitsTooLong) {
  Held held(*model_);
  limits_.sequences = 1;
  options_.guard.queue_timeout = milliseconds(50);
  open();
  const auto first = begin_chat(question_body({"safe"}, "one two"));
  held.gate().wait_for_somebody();
  const auto second = begin_chat(question_body({"race"}, "three"));
  ASSERT_TRUE(comes_true([this] { return model_->questions == 2; }));
  std::this_thread::sleep_for(milliseconds(60));
  held.gate().give();
  EXPECT_EQ(fault_of(second->wait()), "503 overloaded");
  held.gate().open();
  EXPECT_EQ(first->wait().status, 200);
  TearDown();
}

TEST_F(ServiceTest, FreesThePlaceOfAClientThatWentAway) {
  Held held(*model_);
  open();
  Json stream = question_body({"safe"}, "one two three four");
  stream["stream"] = true;
  const auto exchange = begin_chat(stream);
  held.gate().give(3);  // verdict, prompt, a token
  ASSERT_TRUE(exchange->wait_for("one"));
  exchange->leave();
  ASSERT_TRUE(comes_true([this] { return service_->under_way() == 0; }));
  held.gate().open();
  EXPECT_TRUE(comes_true([this] { return model_->live == 0; }));
  const auto lines = lines_of("access.jsonl");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["status"], 499);
}

TEST_F(ServiceTest, DrainsAndCutsOffWhatIsLeft) {
  Held held(*model_);
  open();
  Json stream = question_body({"safe"}, "one two three");
  stream["stream"] = true;
  const auto exchange = begin_chat(stream);
  held.gate().give(3);
  ASSERT_TRUE(exchange->wait_for("moderation"));
  const auto whole = begin_chat(question_body({"safe 0.8"}, "one two three"));
  service_->drain();
  EXPECT_EQ(fault_of(ask(request("GET", "/health"))), "503 draining");
  EXPECT_EQ(fault_of(ask_chat(question_body({}, "one"))), "503 draining");
  EXPECT_EQ(service_->under_way(), 2U);
  std::thread opener([&held] { held.gate().open(); });
  service_->end_all();
  opener.join();
  const auto cut = exchange->wait();
  const auto events = events_of(cut.body);
  if (events.back() != "[DONE]") {
    EXPECT_EQ(Json::parse(events.back())["error"]["code"], "draining");
  }
  const auto answer = whole->wait();
  if (answer.status != 200) {
    EXPECT_EQ(fault_of(answer), "503 draining");
  }
  TearDown();
}

TEST_F(ServiceTest, KeepsAccessLogAndCounts) {
  open();
  ask(request("POST", "/v1/chat/completions", question_body({"safe", "safe"}, "one two").dump(),
              {{"x-request-id", "a"}}));
  ask(request("GET", "/nothing", "", {{"x-request-id", "b"}}));
  ask_chat(question_body({"gender"}, "one"));
  const std::string metrics = ask(request("GET", "/metrics")).body;
  EXPECT_THAT(metrics,
              HasSubstr(R"(holisafe_requests_total{endpoint="/v1/chat/completions",status="200"} 2)"));
  EXPECT_THAT(metrics, HasSubstr(R"(holisafe_requests_total{endpoint="other",status="404"} 1)"));
  EXPECT_THAT(metrics, HasSubstr(R"(holisafe_verdicts_total{action="block"} 1)"));
  EXPECT_THAT(metrics, HasSubstr(R"(holisafe_verdicts_total{action="allow"} 2)"));
  EXPECT_THAT(metrics, HasSubstr(R"(holisafe_fired_total{class="gender"} 1)"));
  EXPECT_THAT(metrics, HasSubstr(R"(holisafe_rejected_total{reason="not_found"} 1)"));
  EXPECT_THAT(metrics, HasSubstr("holisafe_completion_tokens_total 2"));
  const auto lines = lines_of("access.jsonl");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["id"], "a");
  EXPECT_EQ(lines[0]["images"], 2);
  EXPECT_EQ(lines[0]["completion_tokens"], 2);
  EXPECT_EQ(lines[0]["action"], "allow");
  EXPECT_EQ(lines[1]["path"], "/nothing");
  EXPECT_EQ(lines[1]["status"], 404);
  EXPECT_EQ(lines[2]["action"], "block");
}

/// The value of a metric without labels.
double value_of(const std::string& metrics, const std::string& name) {
  const auto at = metrics.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(metrics.substr(at + name.size() + 2));
}

TEST_F(ServiceTest, TellsTheWaitForThePlaceApart) {
  Held held(*model_);
  limits_.sequences = 1;
  open();
  const auto first = begin_chat(question_body({"safe"}, "one"));
  held.gate().wait_for_somebody();
  const Json images{{"input", {image_member("race"), image_member("gender")}}};
  const auto second = begin(request("POST", "/v1/moderations", images.dump(), {{"x-request-id", "second"}}));
  std::this_thread::sleep_for(milliseconds(60));
  held.gate().open();
  EXPECT_EQ(first->wait().status, 200);
  EXPECT_EQ(second->wait().status, 200);
  // Nothing of it waits: no image is there to be judged, or their verdicts are known.
  EXPECT_EQ(ask(request("POST", "/v1/moderations", images.dump(), {{"x-request-id", "known"}})).status, 200);
  const std::string metrics = ask(request("GET", "/metrics")).body;
  EXPECT_EQ(value_of(metrics, "holisafe_queue_seconds_count"), 2);
  EXPECT_GE(value_of(metrics, "holisafe_queue_seconds_sum"), 0.06);
  EXPECT_LT(value_of(metrics, "holisafe_queue_seconds_sum"),
            value_of(metrics, "holisafe_request_seconds_sum"));
  for (const Json& line : lines_of("access.jsonl")) {
    const bool waited = line["id"] == "second";
    if (waited) {
      EXPECT_GE(line["queue_seconds"].get<double>(), 0.06);
      EXPECT_LT(line["queue_seconds"].get<double>(), line["seconds"].get<double>());
    }
    const bool came_to_the_model = waited || line["path"] == "/v1/chat/completions";
    EXPECT_EQ(line["queue_seconds"].is_null(), !came_to_the_model) << line.dump();
  }
  TearDown();
}

TEST_F(ServiceTest, WhoIsTurnedAwayTookTheirTime) {
  open();
  auto slow = request("POST", "/v1/chat/completions");
  slow.begun -= std::chrono::seconds(30);
  EXPECT_EQ(service_->fault(http::ServerFault::read_timeout, slow).status, 408);
  auto unknown = request("GET", "/nothing");
  unknown.begun -= std::chrono::seconds(2);
  EXPECT_EQ(ask(unknown).status, 404);
  auto large = request("POST", "/v1/chat/completions", question_body({}, "one").dump());
  large.begun -= std::chrono::seconds(3);
  EXPECT_EQ(ask(large).status, 200);
  const std::string metrics = ask(request("GET", "/metrics")).body;
  EXPECT_GE(value_of(metrics, "holisafe_request_seconds_sum"), 35);
  const auto lines = lines_of("access.jsonl");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_GE(lines[0]["seconds"].get<double>(), 30);
  EXPECT_GE(lines[1]["seconds"].get<double>(), 2);
  EXPECT_GE(lines[2]["seconds"].get<double>(), 3);
}

TEST_F(ServiceTest, ServesManyAtOnce) {
  limits_.queue = 1000;
  open();
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (int client = 0; client < 6; ++client) {
    clients.emplace_back([this, client, &wrong] {
      for (int i = 0; i < 15; ++i) {
        const std::string image = "gender 0." + std::to_string(1 + (client * 15 + i) % 9);
        const bool blocked = image >= "gender 0.5";
        Json body = question_body({"safe", image}, "one two");
        body["stream"] = i % 2 == 0;
        const auto exchange = begin_chat(body);
        if (i % 5 == 4) {
          exchange->leave();
          continue;
        }
        const auto answer = exchange->wait();
        if (answer.status != 200 || (header_of(answer, "X-Holisafe-Action") == "block") != blocked) ++wrong;
        if (answer.body.find(blocked ? "No: gender." : "one ") == std::string::npos) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(comes_true([this] { return service_->under_way() == 0 && model_->live == 0; }));
}

TEST_F(ServiceTest, GoesWithRequestsUnderWay) {
  for (int round = 0; round < 10; ++round) {
    options_.model_name = "tiny";
    open();
    std::vector<std::shared_ptr<FakeExchange>> exchanges;
    for (int i = 0; i < 8; ++i)
      exchanges.push_back(begin_chat(question_body({"safe 0." + std::to_string(9 - i)}, "one two")));
    service_.reset();
    EXPECT_EQ(model_->live, 0);
  }
}

}  // namespace
}  // namespace holisafe::serve
