// A service with more to do than it has room for, clients that go, and what logs and metrics tell of it.
#include <thread>

#include <gmock/gmock.h>

#include "serve/service_case.h"

namespace holisafe::serve {
namespace {

using http::header_of;
using std::chrono::milliseconds;
using testing::HasSubstr;

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
