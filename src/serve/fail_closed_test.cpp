// Ten thousand requests through a guard proxy whose guard goes wrong at every step: nothing reaches the
// upstream that the guard did not judge, and the policy pass.
//
// A process that is killed lets nothing through either. The only bytes that go up are made of a request after
// its verdicts (guarded_chat_task), by the same process, on a connection of its own: there is no connection
// from client to upstream that would stand without it, and nothing of a request is kept to be sent by
// another.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "http/server.h"
#include "serve/fake_exchange.h"
#include "serve/faulty_guard.h"
#include "serve/scripted_model.h"
#include "serve/service.h"

namespace holisafe::serve {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t requests_a_suite = 1250;  // of eight suites
constexpr std::size_t most_at_once = 16;
constexpr milliseconds ample{600'000};

struct Suite {
  const char* name;
  bool fails_open;
  unsigned one_in;  ///< a step goes wrong
  bool times_out;
  milliseconds request_timeout;
  milliseconds queue_timeout;
  std::size_t sequences;
  std::size_t queue;
  std::size_t cached;
};

/// Policies as they are loaded, one after the other. Thread-safe.
class Reloads {
 public:
  explicit Reloads(bool fails_open) : fails_open_(fails_open) {}

  /// The next; from now on it may be in force.
  policy::Policy next() {
    const std::lock_guard lock(mutex_);
    const std::size_t number = policies_.size();
    policy::Policy out = policy::of_threshold(number % 2 == 0 ? 0.5 : 0.8);
    out.name = "reloaded";
    out.version = std::to_string(number);
    out.refusal = "No.";
    if (number % 5 == 1) out.classes[*taxonomy::parse_class("race")].action = policy::Action::warn;
    out.fails_open = fails_open_ && number % 3 != 2;
    policies_.push_back(out);
    return out;
  }
  [[nodiscard]] std::size_t last() const {
    const std::lock_guard lock(mutex_);
    return policies_.size() - 1;
  }
  [[nodiscard]] policy::Policy at(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    return policies_.at(number);
  }

 private:
  const bool fails_open_;
  mutable std::mutex mutex_;
  std::vector<policy::Policy> policies_;
};

/// What came to the upstream under one request's id.
struct Arrival {
  std::vector<std::string> images;  ///< what they show
  bool judged = false;              ///< all of them, by then
  std::size_t last_policy = 0;      ///< of those that may have let it pass
  int times = 0;
};

/// Answers everything, and remembers it.
class RecordingUpstream final : public http::Handler {
 public:
  RecordingUpstream(const FaultyGuard& guard, const Reloads& reloads) : guard_(guard), reloads_(reloads) {}

  std::optional<http::ServerResponse> accept(const http::ServerRequest&) override { return std::nullopt; }
  http::ServerResponse fault(http::ServerFault, const http::ServerRequest&) override { return {400}; }
  void handle(http::ServerRequest request, std::shared_ptr<http::Exchange> exchange) override {
    const Json asked = Json::parse(request.body);
    Arrival arrival = arrival_of(asked);
    {
      const std::lock_guard lock(mutex_);
      auto& kept = arrivals_[std::string(request.header("x-request-id").value_or(""))];
      arrival.times = kept.times + 1;
      kept = std::move(arrival);
    }
    if (asked["stream"] == true) {
      exchange->respond({200,
                         {{"content-type", "text/event-stream"}},
                         "data: {\"id\":\"up\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"
                         "data: [DONE]\n\n"});
    } else {
      exchange->respond({200,
                         {{"content-type", "application/json"}},
                         R"({"id":"up","choices":[{"message":{"role":"assistant","content":"Hi"}}]})"});
    }
  }

  [[nodiscard]] std::map<std::string, Arrival> arrivals() const {
    const std::lock_guard lock(mutex_);
    return arrivals_;
  }

 private:
  [[nodiscard]] Arrival arrival_of(const Json& asked) const {
    Arrival out;
    for (const Json& message : asked["messages"]) {
      for (const Json& part : message["content"]) {
        if (!part.contains("image_url")) continue;
        const std::string url = part["image_url"]["url"];
        out.images.push_back(shown_by(from_base64(url.substr(url.find(',') + 1)).value_or("")));
      }
    }
    out.judged = std::all_of(out.images.begin(), out.images.end(),
                             [this](const auto& shown) { return guard_.has_judged(shown); });
    out.last_policy = reloads_.last();
    return out;
  }

  const FaultyGuard& guard_;
  const Reloads& reloads_;
  mutable std::mutex mutex_;
  std::map<std::string, Arrival> arrivals_;
};

/// One request, from its client's side.
struct Question {
  std::string id;
  std::vector<std::string> images;
  bool stream = false;
  std::size_t first_policy = 0;  ///< in force when it was asked
  std::shared_ptr<FakeExchange> exchange;
  bool heard = false;  ///< neither did its client leave nor the service go
  http::ServerResponse answer;
};

Json body_of(const Question& question, std::string (*picture)(const std::string&) = picture_of) {
  Json content = Json::array({{{"type", "text"}, {"text", "What?"}}});
  for (const std::string& shown : question.images) {
    const std::string bytes = picture(shown);
    const std::string url = "data:image/png;base64," + base64(std::as_bytes(std::span(bytes)));
    content.push_back({{"type", "image_url"}, {"image_url", {{"url", url}}}});
  }
  return {{"model", "any"},
          {"stream", question.stream},
          {"messages", {{{"role", "user"}, {"content", std::move(content)}}}}};
}

/// What a policy makes of what the images show.
policy::Action true_action(const policy::Policy& policy, const std::vector<std::string>& images) {
  policy::Action out = policy::Action::allow;
  for (const std::string& shown : images)
    out = std::max(out, policy::decide(policy, scripted_verdict(shown)).action);
  return out;
}

class FailClosed : public testing::TestWithParam<Suite> {
 protected:
  void SetUp() override {
    server_ = http::Server::listen({.port = 0}, upstream_).value();
    ServiceOptions options;
    options.upstream.emplace();
    options.upstream->url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/v1";
    options.upstream_images = UpstreamImages::sent;
    options.guard.request_timeout = GetParam().request_timeout;
    options.guard.queue_timeout = GetParam().queue_timeout;
    options.guard.cached_verdicts = GetParam().cached;
    service_ = Service::open(std::move(options), reloads_.next()).value();
    schedule::Limits limits;
    limits.sequences = GetParam().sequences;
    limits.queue = GetParam().queue;
    service_->model(std::make_unique<schedule::Scheduler>(guard_, limits));
  }

  std::size_t drawn(std::size_t below) { return random_() % below; }
  std::string drawn_image() {
    static const std::vector<std::string> shows = {"safe 0.9", "safe 0.9", "safe 0.9", "race 0.6",
                                                   "gender 0.9"};
    if (drawn(64) == 0) return "unreadable";
    const std::size_t number = drawn(4) > 0 ? drawn(50) : 50 + fresh_++;
    return shows[number % shows.size()] + " #" + std::to_string(number);
  }
  Question ask() {
    Question out;
    out.id = "r" + std::to_string(asked_.size() + under_way_.size());
    const std::size_t images = 1 + (drawn(2) == 0 ? 0 : drawn(4));
    while (out.images.size() < images) out.images.push_back(drawn_image());
    out.stream = drawn(2) == 0;
    out.first_policy = reloads_.last();
    out.exchange = std::make_shared<FakeExchange>();
    service_->handle({"POST",
                      "/v1/chat/completions",
                      {},
                      {{"host", "127.0.0.1"}, {"content-type", "application/json"}, {"x-request-id", out.id}},
                      body_of(out).dump()},
                     out.exchange);
    return out;
  }
  void settle(Question question, bool heard) {
    question.heard = heard;
    if (heard) question.answer = question.exchange->wait();
    question.exchange = nullptr;
    asked_.push_back(std::move(question));
  }
  /// All requests, with clients that leave and policies that change; the service goes with the last of them
  /// under way.
  void ask_all() {
    while (asked_.size() + under_way_.size() < requests_a_suite) {
      under_way_.push_back(ask());
      if (drawn(16) == 0) service_->policy(reloads_.next());
      if (drawn(8) == 0) {
        const auto leaves = under_way_.begin() + static_cast<std::ptrdiff_t>(drawn(under_way_.size()));
        leaves->exchange->leave();
        settle(std::move(*leaves), false);
        under_way_.erase(leaves);
      }
      while (under_way_.size() >= 1 + drawn(most_at_once)) {
        settle(std::move(under_way_.front()), true);
        under_way_.pop_front();
      }
    }
    service_.reset();
    for (auto& question : under_way_) settle(std::move(question), false);
    server_->close();
  }

  /// Whether this policy lets it pass without a verdict, and there was cause to ask that.
  bool may_pass_unjudged(const Question& question, const policy::Policy& policy) const {
    const bool failed = std::any_of(question.images.begin(), question.images.end(),
                                    [this](const auto& shown) { return guard_->has_failed(shown); });
    return policy.fails_open && (failed || GetParam().times_out) &&
           std::all_of(question.images.begin(), question.images.end(), is_readable);
  }
  void check_arrival(const Question& question, const Arrival& arrival) {
    EXPECT_EQ(arrival.times, 1) << question.id;
    EXPECT_EQ(arrival.images, question.images) << question.id;
    bool may = false;
    for (std::size_t number = question.first_policy; number <= arrival.last_policy && !may; ++number) {
      const policy::Policy policy = reloads_.at(number);
      may = arrival.judged && true_action(policy, question.images) != policy::Action::block;
      may = may || may_pass_unjudged(question, policy);
    }
    EXPECT_TRUE(may) << question.id << " reached the upstream";
    if (!arrival.judged) ++unjudged_;
  }
  void check_answer(const Question& question, const Arrival* arrival) {
    Json answer = Json::parse(question.answer.body, nullptr, false);
    if (question.answer.status == 200 && question.stream) {
      const std::string& events = question.answer.body;
      ASSERT_TRUE(events.starts_with("data: ")) << events;
      answer = Json::parse(events.substr(6, events.find("\n\n") - 6));
    }
    if (question.answer.status != 200) return check_fault(question, answer, arrival);
    const Json moderation = answer.at("moderation");
    const auto policy = reloads_.at(std::stoul(moderation["policy"]["version"].get<std::string>()));
    const std::string action = moderation["action"];
    ++outcomes_[moderation["input"]["type"].get<std::string>() + " " + action];
    EXPECT_EQ(arrival != nullptr, action != "block") << question.id << question.answer.body;
    if (moderation["input"]["type"] == "error") {
      EXPECT_EQ(moderation["input"]["code"], "guard_failed");
      EXPECT_TRUE(may_pass_unjudged(question, policy)) << question.id;
      return;
    }
    EXPECT_EQ(action, policy::name(true_action(policy, question.images))) << question.id;
    EXPECT_EQ(moderation["input"]["results"].size(), question.images.size());
    for (const auto& shown : question.images) EXPECT_TRUE(guard_->has_judged(shown)) << shown;
  }
  void check_fault(const Question& question, const Json& answer, const Arrival* arrival) {
    static const std::set<std::string> faults = {
        "400 invalid_image", "400 image_too_large", "400 context_length_exceeded",
        "503 overloaded",    "503 guard_failed",    "503 draining"};
    EXPECT_EQ(arrival, nullptr) << question.id;
    ASSERT_TRUE(answer.is_object() && answer.contains("error")) << question.answer.body;
    const std::string fault =
        std::to_string(question.answer.status) + " " + answer["error"]["code"].get<std::string>();
    EXPECT_TRUE(faults.contains(fault)) << fault;
    ++outcomes_[fault];
  }
  void check_all() {
    const auto arrivals = upstream_.arrivals();
    std::size_t known = 0;
    for (const Question& question : asked_) {
      const auto found = arrivals.find(question.id);
      const Arrival* arrival = found == arrivals.end() ? nullptr : &found->second;
      if (arrival != nullptr) {
        ++known;
        check_arrival(question, *arrival);
      }
      if (question.heard) check_answer(question, arrival);
    }
    EXPECT_EQ(known, arrivals.size()) << "nobody asked for the others";
  }

  std::mt19937 random_{20260201};
  std::size_t fresh_ = 0;
  Reloads reloads_{GetParam().fails_open};
  std::shared_ptr<FaultyGuard> guard_ =
      std::make_shared<FaultyGuard>(17, GetParam().one_in, GetParam().times_out);
  RecordingUpstream upstream_{*guard_, reloads_};
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Service> service_;
  std::deque<Question> under_way_;
  std::vector<Question> asked_;
  std::map<std::string, int> outcomes_;
  std::size_t unjudged_ = 0;  ///< that reached the upstream
};

TEST_P(FailClosed, NothingUnjudgedReachesTheUpstream) {
  ask_all();
  ASSERT_EQ(asked_.size(), requests_a_suite);
  check_all();
  for (const auto& [outcome, times] : outcomes_) RecordProperty(outcome, times);
  RecordProperty("unjudged", static_cast<int>(unjudged_));
  if (!GetParam().fails_open) {
    EXPECT_EQ(unjudged_, 0U);
  }
  if (GetParam().times_out) return;  // what a loaded machine lets through is its own affair
  // The test has seen what it is about.
  for (std::size_t step = 0; step < static_cast<std::size_t>(GuardStep::slow); ++step)
    EXPECT_GT(guard_->struck(static_cast<GuardStep>(step)), 0U) << step;
  for (const char* outcome : {"moderation_results allow", "moderation_results block", "503 guard_failed"})
    EXPECT_GT(outcomes_[outcome], 0) << outcome;
  EXPECT_EQ(outcomes_["error allow"] > 0, GetParam().fails_open);
  EXPECT_EQ(unjudged_ > 0, GetParam().fails_open);
}

constexpr std::size_t roomy = 1000;
INSTANTIATE_TEST_SUITE_P(
    Suites, FailClosed,
    testing::Values(Suite{"closed_faults", false, 12, false, ample, ample, 4, roomy, 30},
                    Suite{"closed_uncached", false, 30, false, ample, ample, 8, roomy, 0},
                    Suite{"closed_full", false, 20, true, ample, milliseconds(2), 1, 4, 30},
                    Suite{"closed_late", false, 20, true, milliseconds(4), milliseconds(4), 2, 8, 30},
                    Suite{"open_faults", true, 12, false, ample, ample, 4, roomy, 30},
                    Suite{"open_uncached", true, 30, false, ample, ample, 8, roomy, 0},
                    Suite{"open_full", true, 20, true, ample, milliseconds(2), 1, 4, 30},
                    Suite{"open_late", true, 20, true, milliseconds(4), milliseconds(4), 2, 8, 30}),
    [](const auto& suite) { return std::string(suite.param.name); });

/// Where reading a prefix judges it too, asking again without a verdict fails in the same way.
TEST(FailClosedLocally, AnAnswerThatTheGuardsPassEndsIsAFaultOfTheGuard) {
  ServiceOptions options;
  options.model_name = "any";
  policy::Policy policy = policy::of_threshold(0.5);
  const auto service = Service::open(std::move(options), policy).value();
  const auto model = std::make_shared<ScriptedModel>();
  service->model(std::make_unique<schedule::Scheduler>(model, schedule::Limits{}));
  for (const bool fails_open : {false, true}) {
    policy.fails_open = fails_open;
    service->policy(policy);
    for (const bool stream : {false, true}) {
      Question question;
      question.images = {"prefix-fails"};
      question.stream = stream;
      const auto exchange = std::make_shared<FakeExchange>();
      service->handle(
          {"POST",
           "/v1/chat/completions",
           {},
           {{"host", "127.0.0.1"}, {"content-type", "application/json"}},
           body_of(question, [](const std::string& shown) { return png_signature + shown; }).dump()},
          exchange);
      const auto answer = exchange->wait();
      EXPECT_EQ(answer.status, 503) << answer.body;
      EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "guard_failed");
    }
  }
  EXPECT_EQ(model->tokens, 0);
}

}  // namespace
}  // namespace holisafe::serve
