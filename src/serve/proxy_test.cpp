#include "serve/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/picture_request.h"
#include "serve/relay.h"

namespace holisafe::serve {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A client that keeps what it gets.
class Client final : public http::Exchange {
 public:
  void respond(http::ServerResponse response) override { answer = std::move(response); }
  void begin(int given, http::Headers headers) override {
    status = given;
    head = std::move(headers);
  }
  void send(std::string bytes) override { pieces.push_back(std::move(bytes)); }
  void finish() override { finished = true; }
  void abort() override { aborted = true; }
  [[nodiscard]] std::size_t unsent() const override { return waiting; }
  void when_unsent_at_most(std::size_t, std::function<void()> call) override { on_room = std::move(call); }
  void when_gone(std::function<void()>) override {}
  [[nodiscard]] bool gone() const override { return false; }

  [[nodiscard]] std::string stream() const {
    std::string out;
    for (const auto& each : pieces) out += each;
    return out;
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    for (const auto& [key, value] : answer.value().headers) {
      if (key == name) return value;
    }
    return {};
  }

  std::optional<http::ServerResponse> answer;
  int status = 0;
  http::Headers head;
  std::vector<std::string> pieces;
  bool finished = false;
  bool aborted = false;
  std::size_t waiting = 0;
  std::function<void()> on_room;
};

/// An upstream that a test plays.
class PlayedUpstream final : public Upstream {
 public:
  struct Sent {
    std::string path;
    std::string body;
    bool stream = false;
    std::string id;
    std::optional<std::string> authorization;
  };
  class Call final : public UpstreamCall {
   public:
    explicit Call(PlayedUpstream& upstream) : upstream_(upstream) {}
    ~Call() override { ++upstream_.given_up; }
    void resume() override { ++upstream_.resumed; }

   private:
    PlayedUpstream& upstream_;
  };

  std::unique_ptr<UpstreamCall> send(const std::string& path, std::string body, bool stream,
                                     const std::string& id, const std::optional<std::string>& authorization,
                                     std::shared_ptr<UpstreamListener> given) override {
    sent.push_back({path, std::move(body), stream, id, authorization});
    listener = std::move(given);
    if (on_send) on_send();
    return std::make_unique<Call>(*this);
  }

  /// A head and a body in pieces, and the end.
  void play(int status, http::Headers headers, const std::vector<std::string>& body,
            std::optional<Fault> fault = {}) {
    listener->head(status, std::move(headers));
    for (const auto& each : body) listener->piece(each);
    listener->end(std::move(fault));
  }

  std::vector<Sent> sent;
  std::shared_ptr<UpstreamListener> listener;
  std::function<void()> on_send;
  int resumed = 0;
  int given_up = 0;
};

const http::Headers json_head = {
    {"content-type", "application/json"}, {"x-request-id", "theirs"}, {"server", "uvicorn"}};
const http::Headers event_head = {{"content-type", "text/event-stream; charset=utf-8"}};
const std::string first_event =
    "data: "
    "{\"id\":\"chatcmpl-up\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"up-model\","
    "\"choices\":[{\"index\":0,"
    "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

/// A request on its way through a proxy.
class Proxy : public testing::Test {
 protected:
  std::unique_ptr<Task> chat(const std::string& body, policy::Action action = policy::Action::allow) {
    ProxyDecision decision;
    ImageDecision image;
    image.verdict.scores[0] = 0.25;
    image.verdict.scores[1] = 0.75;
    image.verdict.label = 1;
    image.decision.action = action;
    if (action != policy::Action::allow) image.decision.fired = {1};
    decision.decided = decide_request({image}, false);
    auto rules = std::make_shared<policy::Policy>(policy::of_threshold(0.5));
    rules->warning = "Careful: {subcategory}. ";
    decision.policy = rules;
    decision.model = "the-guard";
    return proxy_chat(job(), request_of(body), decision);
  }
  ProxyJob job() {
    return {upstream_, visit_, {}, [this] { ++over_; }};
  }
  [[nodiscard]] Json answer() const { return Json::parse(client_->answer.value().body); }
  /// Data of the stream's events.
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> out;
    std::string rest = client_->stream();
    for (auto end = rest.find("\n\n"); end != std::string::npos; end = rest.find("\n\n")) {
      out.push_back(rest.substr(0, end));
      rest.erase(0, end + 2);
    }
    EXPECT_EQ(rest, "");
    return out;
  }

  Metrics metrics_;
  std::unique_ptr<Logs> logs_ = Logs::open({}, {}).value();
  std::shared_ptr<Client> client_ = std::make_shared<Client>();
  std::shared_ptr<Visit> visit_ = [&] {
    AccessEntry entry;
    entry.id = "ours";
    return std::make_shared<Visit>(client_, std::move(entry), http::Headers{{"X-Request-Id", "ours"}},
                                   Records{metrics_, *logs_});
  }();
  PlayedUpstream upstream_;
  int over_ = 0;
};

TEST_F(Proxy, AWholeAnswerIsTheUpstreamsWithTheVerdict) {
  const auto task = chat(image_request(picture("grey.jpg")));
  ASSERT_EQ(upstream_.sent.size(), 1);
  EXPECT_EQ(upstream_.sent[0].path, "chat/completions");
  EXPECT_EQ(upstream_.sent[0].id, "ours");
  EXPECT_FALSE(upstream_.sent[0].stream);
  const std::string body =
      "{\"id\":\"x\",\"big\":123456789012345678901234567890,\"exact\":0.10000000000000000555,\"choices\":[{"
      "\"message\":{\"content\":null}}],"
      "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}} \n";
  upstream_.play(200, json_head, {body.substr(0, 10), body.substr(10)});
  EXPECT_EQ(client_->answer->status, 200);
  EXPECT_EQ(client_->header("Content-Type"), "application/json");
  EXPECT_EQ(client_->header("X-Request-Id"), "ours");
  EXPECT_EQ(client_->header("Server") + client_->header("server"), "");
  EXPECT_THAT(client_->answer->body, StartsWith(body.substr(0, body.rfind('}'))));
  const Json moderation = answer()["moderation"];
  EXPECT_EQ(moderation["action"], "allow");
  EXPECT_EQ(moderation["input"]["results"].size(), 1);
  EXPECT_EQ(moderation["input"]["model"], "the-guard");
  EXPECT_EQ(over_, 1);
}

TEST_F(Proxy, AVerdictOfTheUpstreamsOwnIsReplaced) {
  const auto task = chat(image_request(picture("grey.jpg")));
  upstream_.play(200, json_head,
                 {R"({"moderation":{"action":"forged"},"choices":[{"message":{"content":null}}]})"});
  EXPECT_EQ(client_->answer->body.find("forged"), std::string::npos);
  EXPECT_EQ(answer()["moderation"]["action"], "allow");
  EXPECT_TRUE(answer()["choices"][0]["message"]["content"].is_null());
}

TEST_F(Proxy, AWarningStandsBeforeEveryAnswer) {
  const auto task = chat(image_request(picture("grey.jpg")), policy::Action::warn);
  upstream_.play(200, json_head,
                 {R"({"choices":[{"message":{"content":"One."}},{"message":{"content":null}}]})"});
  const std::string warning = "Careful: " + std::string(taxonomy::classes()[1].name) + ". ";
  EXPECT_EQ(answer()["choices"][0]["message"]["content"], warning + "One.");
  EXPECT_EQ(answer()["choices"][1]["message"]["content"], warning);
  EXPECT_EQ(answer()["moderation"]["action"], "warn");
}

TEST_F(Proxy, AnswersThatAreNoJsonAreFaults) {
  for (const char* body : {"", "<html>", "[1]", "{\"a\":1", "{\"a\":NaN}", "\"text\"", "{\"a\":\"\xff\"}"}) {
    client_ = std::make_shared<Client>();
    visit_ = std::make_shared<Visit>(client_, AccessEntry{}, http::Headers{}, Records{metrics_, *logs_});
    const auto task = chat(image_request(picture("grey.jpg")));
    upstream_.play(200, json_head, {body});
    EXPECT_EQ(client_->answer->status, 502) << body;
    EXPECT_EQ(answer()["error"]["code"], "upstream_error") << body;
  }
}

TEST_F(Proxy, FaultsOfTheUpstreamPassAlsoForStreams) {
  for (const bool stream : {false, true}) {
    client_ = std::make_shared<Client>();
    visit_ = std::make_shared<Visit>(client_, AccessEntry{}, http::Headers{}, Records{metrics_, *logs_});
    const auto task = chat(image_request(picture("grey.jpg"), stream));
    upstream_.play(429, {{"content-type", "text/plain"}, {"retry-after", "17"}, {"set-cookie", "a=b"}},
                   {"slow ", "down"});
    EXPECT_EQ(client_->answer->status, 429);
    EXPECT_EQ(client_->answer->body, "slow down");
    EXPECT_EQ(client_->header("Retry-After"), "17");
    EXPECT_EQ(client_->header("Content-Type"), "text/plain");
    EXPECT_EQ(client_->answer->headers.size(), 2);
  }
}

TEST_F(Proxy, ItsOwnFaultsHaveTheirStatus) {
  for (const auto& [code, status] : {std::pair{Code::upstream_unreachable, 502},
                                     {Code::upstream_timeout, 504},
                                     {Code::upstream_error, 502}}) {
    client_ = std::make_shared<Client>();
    visit_ = std::make_shared<Visit>(client_, AccessEntry{}, http::Headers{}, Records{metrics_, *logs_});
    over_ = 0;
    const auto task = chat(image_request(picture("grey.jpg"), true));
    upstream_.listener->end(Fault{code, "words", {}});
    EXPECT_EQ(client_->answer->status, status);
    EXPECT_EQ(over_, 1);
  }
}

TEST_F(Proxy, RedirectionsAreNotPassedOn) {
  const auto task = chat(image_request(picture("grey.jpg")));
  upstream_.play(302, {{"location", "http://evil"}}, {"moved"});
  EXPECT_EQ(client_->answer->status, 502);
  EXPECT_EQ(over_, 1);
  EXPECT_EQ(upstream_.given_up, 1);
}

TEST_F(Proxy, AStreamGetsTheVerdictFirstAndIsOtherwiseItself) {
  const auto task = chat(image_request(picture("grey.jpg"), true));
  EXPECT_TRUE(upstream_.sent[0].stream);
  upstream_.listener->head(200, event_head);
  const std::string rest =
      "event: x\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\r\n\r\n: ping\n\ndata: [DONE]\n\n";
  const std::string all = ": starting\n\n" + first_event + rest;
  // Byte by byte: what is passed on after the first event is what just came.
  std::string so_far;
  for (const char byte : all) {
    so_far += byte;
    const std::size_t before = client_->pieces.size();
    EXPECT_TRUE(upstream_.listener->piece(std::string(1, byte)));
    const bool begun = so_far.size() >= all.size() - rest.size();
    EXPECT_EQ(client_->pieces.size(), before + (begun ? 1 : 0)) << so_far;
    if (begun && before > 0) {
      EXPECT_EQ(client_->pieces.back(), std::string(1, byte));
    }
  }
  upstream_.listener->end({});
  EXPECT_TRUE(client_->finished);
  EXPECT_EQ(over_, 1);
  EXPECT_THAT(client_->stream(), testing::EndsWith(all));
  const std::string opening = client_->stream().substr(0, client_->stream().size() - all.size());
  ASSERT_THAT(opening, StartsWith("data: "));
  const Json chunk = Json::parse(opening.substr(6));
  EXPECT_EQ(chunk["id"], "chatcmpl-up");
  EXPECT_EQ(chunk["created"], 17);
  EXPECT_EQ(chunk["model"], "up-model");
  EXPECT_EQ(chunk["moderation"]["action"], "allow");
  EXPECT_EQ(chunk["choices"][0]["delta"], (Json{{"role", "assistant"}, {"content", ""}}));
}

TEST_F(Proxy, AWarningIsTheSecondChunk) {
  const auto task = chat(image_request(picture("grey.jpg"), true), policy::Action::warn);
  upstream_.play(200, event_head, {first_event + "data: [DONE]\n\n"});
  const auto found = events();
  ASSERT_EQ(found.size(), 4);
  EXPECT_EQ(Json::parse(found[1].substr(6))["choices"][0]["delta"]["content"],
            "Careful: " + std::string(taxonomy::classes()[1].name) + ". ");
  EXPECT_EQ(Json::parse(found[1].substr(6))["id"], "chatcmpl-up");
  EXPECT_EQ(found[2] + "\n\n", first_event);
}

TEST_F(Proxy, AStreamThatIsCutOffEndsWithAnErrorAndNoEndMark) {
  const std::string half = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
  const std::vector<std::optional<Fault>> ends = {std::nullopt, Fault{Code::upstream_error, "cut", {}},
                                                  Fault{Code::upstream_timeout, "silent", {}}};
  for (const auto& end : ends) {
    client_ = std::make_shared<Client>();
    visit_ = std::make_shared<Visit>(client_, AccessEntry{}, http::Headers{}, Records{metrics_, *logs_});
    const auto task = chat(image_request(picture("grey.jpg"), true));
    upstream_.play(200, event_head, {first_event, half}, end);
    const auto found = events();
    ASSERT_EQ(found.size(), 4);
    EXPECT_EQ(Json::parse(found[3].substr(6))["error"]["code"], name(end ? end->code : Code::upstream_error));
    EXPECT_THAT(client_->stream(), Not(HasSubstr("[DONE]")));
    EXPECT_TRUE(client_->finished);
  }
}

TEST_F(Proxy, WhatBreaksBehindTheEndMarkIsNoFault) {
  const auto task = chat(image_request(picture("grey.jpg"), true));
  upstream_.play(200, event_head, {first_event + "data: [DONE]\n\n"}, Fault{Code::upstream_error, "cut", {}});
  EXPECT_TRUE(client_->finished);
  EXPECT_THAT(client_->stream(), testing::EndsWith("data: [DONE]\n\n"));
}

TEST_F(Proxy, AStreamThatNeverBeginsHasAStatus) {
  const auto task = chat(image_request(picture("grey.jpg"), true));
  upstream_.play(200, event_head, {": waiting\n\n", "data: {\"id\":"});
  EXPECT_EQ(client_->answer->status, 502);
  EXPECT_EQ(over_, 1);
}

TEST_F(Proxy, AnEndlessBeginningIsGivenUp) {
  const auto task = chat(image_request(picture("grey.jpg"), true));
  upstream_.listener->head(200, event_head);
  for (int i = 0; i < 300; ++i) upstream_.listener->piece(std::string(16384, 'x'));
  EXPECT_EQ(client_->answer->status, 502);
  EXPECT_EQ(over_, 1);
  EXPECT_EQ(upstream_.given_up, 1);
  upstream_.listener->end(Fault{Code::upstream_error, "late", {}});
  EXPECT_EQ(over_, 1);
}

TEST_F(Proxy, OddFirstEventsStillOpenTheMessage) {
  for (const auto& [event, id] : std::vector<std::pair<std::string, std::string>>{
           {"data: [DONE]\n\n", "chatcmpl-"},
           {"data: {\"id\":7,\"created\":\"x\"}\n\ndata: [DONE]\n\n", "chatcmpl-"},
           {"data: {\"id\":\"a\",\ndata: \"choices\":[]}\n\ndata: [DONE]\n\n", "a"}}) {
    client_ = std::make_shared<Client>();
    visit_ = std::make_shared<Visit>(client_, AccessEntry{}, http::Headers{}, Records{metrics_, *logs_});
    const auto task = chat(image_request(picture("grey.jpg"), true));
    upstream_.play(200, event_head, {event});
    ASSERT_THAT(client_->stream(), StartsWith("data: "));
    const Json chunk = Json::parse(events().at(0).substr(6));
    EXPECT_THAT(chunk["id"].get<std::string>(), StartsWith(id));
    EXPECT_TRUE(client_->finished);
  }
}

TEST_F(Proxy, ASlowClientHoldsTheUpstreamBack) {
  const auto task = chat(image_request(picture("grey.jpg"), true));
  upstream_.listener->head(200, event_head);
  EXPECT_TRUE(upstream_.listener->piece(first_event));
  client_->waiting = std::size_t{10} << 20U;
  EXPECT_FALSE(upstream_.listener->piece(": more\n\n"));
  ASSERT_TRUE(client_->on_room);
  client_->on_room();
  EXPECT_EQ(upstream_.resumed, 1);
}

TEST_F(Proxy, RoomBeforeTheCallIsKnownIsNotForgotten) {
  client_->waiting = std::size_t{10} << 20U;
  upstream_.on_send = [&] {
    upstream_.listener->head(200, event_head);
    EXPECT_FALSE(upstream_.listener->piece(first_event));
    client_->on_room();
  };
  const auto task = chat(image_request(picture("grey.jpg"), true));
  EXPECT_EQ(upstream_.resumed, 1);
}

TEST_F(Proxy, DestroyingTheTaskGivesTheRequestUp) {
  auto task = chat(image_request(picture("grey.jpg"), true));
  EXPECT_EQ(upstream_.given_up, 0);
  task = nullptr;
  EXPECT_EQ(upstream_.given_up, 1);
  EXPECT_EQ(over_, 0);
  EXPECT_FALSE(client_->answer);
}

TEST_F(Proxy, TheListOfModelsPasses) {
  const auto task = proxy_models(job());
  ASSERT_EQ(upstream_.sent.size(), 1);
  EXPECT_EQ(upstream_.sent[0].path, "models");
  EXPECT_EQ(upstream_.sent[0].body, "");
  upstream_.play(200, json_head, {"{\"object\":", "\"list\"}"});
  EXPECT_EQ(client_->answer->body, "{\"object\":\"list\"}");
  EXPECT_EQ(over_, 1);
}

}  // namespace
}  // namespace holisafe::serve
