#include "serve/upstream.h"

#include <condition_variable>
#include <cstdlib>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/scripted_server.h"

namespace holisafe::serve {
namespace {

using http::Received;
using http::ScriptedServer;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds generous{60};

/// Keeps what it hears.
class Heard final : public UpstreamListener {
 public:
  void head(int status, http::Headers headers) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    headers_ = std::move(headers);
  }
  bool piece(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    body_ += bytes;
    ++pieces_;
    changed_.notify_all();
    return !holds_back_;
  }
  void end(std::optional<Fault> fault) override {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
    ++ends_;
    changed_.notify_all();
  }

  void hold_back(bool holds) {
    const std::lock_guard lock(mutex_);
    holds_back_ = holds;
  }
  bool wait_for_end() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, generous, [&] { return ends_ > 0; });
  }
  bool wait_for_body(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, generous, [&] { return body_.size() >= bytes; });
  }
  [[nodiscard]] int status() const { return locked(status_); }
  [[nodiscard]] http::Headers headers() const { return locked(headers_); }
  [[nodiscard]] std::string body() const { return locked(body_); }
  [[nodiscard]] int pieces() const { return locked(pieces_); }
  [[nodiscard]] int ends() const { return locked(ends_); }
  [[nodiscard]] std::optional<Fault> fault() const { return locked(fault_); }

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 0;
  http::Headers headers_;
  std::string body_;
  int pieces_ = 0;
  int ends_ = 0;
  std::optional<Fault> fault_;
  bool holds_back_ = false;
};

UpstreamOptions options(const std::string& url, milliseconds timeout = milliseconds(60'000)) {
  UpstreamOptions out;
  out.url = url;
  out.key = *http::Secret::from_text("sk-upstream-0123456789", "test");
  out.timeout = timeout;
  return out;
}

std::unique_ptr<Upstream> open(UpstreamOptions given) { return Upstream::open(std::move(given)).value(); }

std::unique_ptr<UpstreamCall> ask(Upstream& upstream, const std::shared_ptr<Heard>& heard,
                                  bool stream = false) {
  return upstream.send("chat/completions", "{\"model\":\"m\"}", stream, "request-7", {}, heard);
}

/// Asks and waits for the end.
std::shared_ptr<Heard> asked(UpstreamOptions given, bool stream = false) {
  auto heard = std::make_shared<Heard>();
  const auto upstream = open(std::move(given));
  const auto call = ask(*upstream, heard, stream);
  EXPECT_TRUE(heard->wait_for_end());
  EXPECT_EQ(heard->ends(), 1);
  return heard;
}

std::string chunk(const std::string& text) {
  std::ostringstream out;
  out << std::hex << text.size() << "\r\n" << text << "\r\n";
  return out.str();
}

/// Names of a request's headers, in lower case.
std::set<std::string> header_names(const std::string& head) {
  std::set<std::string> out;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) out.insert(line.substr(0, line.find(':')));
  return out;
}

TEST(Upstream, GetsWhatItNeedsAndNothingElse) {
  ScriptedServer server(
      [](std::size_t, const Received&) { return http::reply(200, "{}", "X-Served-By: one\r\n"); });
  const auto heard = asked(options(server.url() + "//"));
  EXPECT_FALSE(heard->fault());
  EXPECT_EQ(heard->status(), 200);
  EXPECT_EQ(heard->body(), "{}");
  EXPECT_THAT(heard->headers(), testing::Contains(std::pair<std::string, std::string>("x-served-by", "one")));
  const auto received = server.received();
  ASSERT_EQ(received.size(), 1);
  EXPECT_EQ(received[0].body, "{\"model\":\"m\"}");
  EXPECT_THAT(received[0].head, HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(received[0].head, HasSubstr("Authorization: Bearer sk-upstream-0123456789\r\n"));
  EXPECT_THAT(received[0].head, HasSubstr("X-Request-Id: request-7\r\n"));
  EXPECT_EQ(header_names(received[0].head),
            (std::set<std::string>{"Host", "Content-Type", "Content-Length", "Accept", "Authorization",
                                   "X-Request-Id"}));
}

TEST(Upstream, TheClientsKeyStandsInPlaceOfItsOwn) {
  ScriptedServer server([](std::size_t, const Received&) { return http::reply(200, "{}"); });
  const auto upstream = open(options(server.url()));
  const auto heard = std::make_shared<Heard>();
  const auto call = upstream->send("models", {}, false, "id", "Bearer of-the-client", heard);
  ASSERT_TRUE(heard->wait_for_end());
  const auto received = server.received();
  ASSERT_EQ(received.size(), 1);
  EXPECT_THAT(received[0].head, HasSubstr("GET /v1/models HTTP/1.1\r\n"));
  EXPECT_THAT(received[0].head, HasSubstr("Authorization: Bearer of-the-client\r\n"));
  EXPECT_THAT(received[0].head, Not(HasSubstr("sk-upstream")));
}

TEST(Upstream, NoHeaderCanBePutIntoAnother) {
  ScriptedServer server([](std::size_t, const Received&) { return http::reply(200, "{}"); });
  const auto upstream = open(options(server.url()));
  const auto heard = std::make_shared<Heard>();
  const auto call = upstream->send("models", {}, false, "id\r\nX-One: 1", "Bearer a\r\nX-Two: 2", heard);
  ASSERT_TRUE(heard->wait_for_end());
  EXPECT_EQ(header_names(server.received().at(0).head), (std::set<std::string>{"Host", "Accept"}));
}

TEST(Upstream, AProxyOfTheEnvironmentHasNoSay) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
  ScriptedServer server([](std::size_t, const Received&) { return http::reply(200, "{}"); });
  EXPECT_FALSE(asked(options(server.url()))->fault());
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
}

TEST(Upstream, PiecesComeWhenTheyCome) {
  // A byte each 20 ms: what is heard before the end shows that nobody waits for it.
  ScriptedServer server([](std::size_t, const Received&) {
    return http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 40\r\n\r\n" + std::string(40, 'a'), 20};
  });
  const auto upstream = open(options(server.url()));
  const auto heard = std::make_shared<Heard>();
  const auto call = ask(*upstream, heard, true);
  ASSERT_TRUE(heard->wait_for_body(1));
  EXPECT_EQ(heard->status(), 200);
  EXPECT_EQ(heard->ends(), 0);
  ASSERT_TRUE(heard->wait_for_end());
  EXPECT_GT(heard->pieces(), 3);
  EXPECT_EQ(heard->body().size(), 40);
}

TEST(Upstream, InterimAnswersAndTrailersAreNoHeads) {
  ScriptedServer server([](std::size_t, const Received&) {
    return http::Reply{
        "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 7\r\nTransfer-Encoding: "
        "chunked\r\n\r\n" +
        chunk("hel") + chunk("lo") + "0\r\nX-Trailer: 1\r\n\r\n"};
  });
  const auto heard = asked(options(server.url()));
  EXPECT_FALSE(heard->fault());
  EXPECT_EQ(heard->status(), 429);
  EXPECT_EQ(heard->body(), "hello");
  std::set<std::string> names;
  for (const auto& [name, value] : heard->headers()) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"retry-after", "transfer-encoding"}));
}

TEST(Upstream, NobodyThereIsUnreachable) {
  std::string url;
  {
    const ScriptedServer server([](std::size_t, const Received&) { return http::reply(200, ""); });
    url = server.url();
  }
  const auto heard = asked(options(url));
  ASSERT_TRUE(heard->fault());
  EXPECT_EQ(heard->fault()->code, Code::upstream_unreachable);
  EXPECT_THAT(heard->fault()->message, Not(HasSubstr("127.0.0.1")));
  const auto unknown = asked(options("http://no-such-host.invalid/v1"));
  ASSERT_TRUE(unknown->fault());
  EXPECT_EQ(unknown->fault()->code, Code::upstream_unreachable);
}

TEST(Upstream, WhatIsCutOffIsAnErrorAndNotTriedAgain) {
  const std::string head = "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n";
  for (const http::Reply& reply :
       {http::Reply{""}, http::Reply{"", 0, true}, http::Reply{"HTTP/1.1 2"}, http::Reply{head},
        http::Reply{head + "some"}, http::Reply{head + "some", 0, true},
        http::Reply{"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("some")}}) {
    ScriptedServer server([&](std::size_t, const Received&) { return reply; });
    const auto heard = asked(options(server.url()));
    ASSERT_TRUE(heard->fault()) << reply.bytes;
    EXPECT_EQ(heard->fault()->code, Code::upstream_error) << reply.bytes;
    EXPECT_EQ(server.received().size(), 1) << reply.bytes;
  }
}

TEST(Upstream, RedirectionsAndFaultsPassAsTheyAre) {
  for (const int status : {302, 307, 400, 429, 500, 503}) {
    ScriptedServer server(
        [&](std::size_t, const Received&) { return http::reply(status, "no", "Location: /elsewhere\r\n"); });
    const auto heard = asked(options(server.url()));
    EXPECT_FALSE(heard->fault());
    EXPECT_EQ(heard->status(), status);
    EXPECT_EQ(heard->body(), "no");
    EXPECT_EQ(server.received().size(), 1) << status;
  }
}

TEST(Upstream, SilenceEndsARequest) {
  ScriptedServer server([](std::size_t, const Received&) { return http::Reply{"HTTP/1.1 200 X\r\n", 2000}; });
  const auto heard = asked(options(server.url(), milliseconds(200)));
  ASSERT_TRUE(heard->fault());
  EXPECT_EQ(heard->fault()->code, Code::upstream_timeout);
}

TEST(Upstream, SlownessDoesNot) {
  // About five seconds in all, of which none is silent for three.
  ScriptedServer server([](std::size_t, const Received&) {
    return http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 60\r\n\r\n" + std::string(60, 'a'), 50};
  });
  const auto heard = asked(options(server.url(), milliseconds(3000)), true);
  EXPECT_FALSE(heard->fault());
  EXPECT_EQ(heard->body().size(), 60);
}

TEST(Upstream, AWholeAnswerHasALimitAndAStreamHasNone) {
  ScriptedServer server(
      [](std::size_t, const Received&) { return http::reply(200, std::string(100'000, 'a')); });
  auto given = options(server.url());
  given.max_body_bytes = 50'000;
  const auto whole = asked(std::move(given));
  ASSERT_TRUE(whole->fault());
  EXPECT_EQ(whole->fault()->code, Code::upstream_error);
  given = options(server.url());
  given.max_body_bytes = 50'000;
  const auto stream = asked(std::move(given), true);
  EXPECT_FALSE(stream->fault());
  EXPECT_EQ(stream->body().size(), 100'000);
}

TEST(Upstream, ALateReaderHoldsItBack) {
  constexpr std::size_t size = 24U << 20U;
  const auto answer = http::reply(200, std::string(size, 'a'));
  ScriptedServer server([&](std::size_t, const Received&) { return answer; });
  // Longer than it may be silent: while we hold it back, it is not the one who says nothing.
  const auto upstream = open(options(server.url(), milliseconds(4000)));
  const auto heard = std::make_shared<Heard>();
  heard->hold_back(true);
  const auto call = ask(*upstream, heard, true);
  ASSERT_TRUE(heard->wait_for_body(1));
  std::this_thread::sleep_for(milliseconds(5000));
  EXPECT_EQ(heard->pieces(), 1);
  EXPECT_EQ(heard->ends(), 0);
  heard->hold_back(false);
  call->resume();
  call->resume();
  ASSERT_TRUE(heard->wait_for_end());
  EXPECT_FALSE(heard->fault());
  EXPECT_EQ(heard->body().size(), size);
}

TEST(Upstream, NothingIsHeardOfWhatWasGivenUp) {
  ScriptedServer server([](std::size_t, const Received&) {
    return http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 400\r\n\r\n" + std::string(400, 'a'), 5};
  });
  const auto upstream = open(options(server.url()));
  const auto heard = std::make_shared<Heard>();
  auto call = ask(*upstream, heard, true);
  ASSERT_TRUE(heard->wait_for_body(1));
  call = nullptr;
  const int pieces = heard->pieces();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(heard->pieces(), pieces);
  EXPECT_EQ(heard->ends(), 0);
}

TEST(Upstream, CallsMayOutliveIt) {
  ScriptedServer server([](std::size_t, const Received&) { return http::Reply{"x", 300}; });
  const auto heard = std::make_shared<Heard>();
  auto upstream = open(options(server.url()));
  const auto call = ask(*upstream, heard);
  upstream = nullptr;
  call->resume();
  EXPECT_EQ(heard->ends(), 0);
}

TEST(Upstream, ManyGoSideBySide) {
  ScriptedServer server([](std::size_t, const Received& request) {
    return http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 13\r\n\r\n" + request.body, 3};
  });
  const auto upstream = open(options(server.url()));
  std::vector<std::shared_ptr<Heard>> heard;
  std::vector<std::unique_ptr<UpstreamCall>> calls;
  for (int i = 0; i < 64; ++i) {
    heard.push_back(std::make_shared<Heard>());
    calls.push_back(ask(*upstream, heard.back(), true));
  }
  for (const auto& each : heard) {
    ASSERT_TRUE(each->wait_for_end());
    EXPECT_EQ(each->body(), "{\"model\":\"m\"}");
  }
  EXPECT_GT(server.most_at_once(), 8);
}

TEST(Upstream, OtherUrlsAreUsage) {
  for (const char* url :
       {"", "nowhere", "ftp://host/v1", "file:///etc/passwd", "http://", "http://user:key@host/v1",
        "http://host/v1?key=1", "http://host/v1#part", "https://ho st/v1"}) {
    const auto found = Upstream::open(options(url));
    ASSERT_FALSE(found) << url;
    EXPECT_EQ(found.error().kind, ErrorKind::usage) << url;
  }
  for (const char* url : {"http://127.0.0.1:8000/v1", "https://api.example.com/v1/", "http://[::1]:9/v1"})
    EXPECT_TRUE(Upstream::open(options(url))) << url;
}

}  // namespace
}  // namespace holisafe::serve
