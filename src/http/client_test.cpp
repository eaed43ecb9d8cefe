#include "http/client.h"

#include <set>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/scripted_server.h"

namespace holisafe::http {
namespace {

using testing::HasSubstr;
using testing::Not;

ClientOptions quick() {
  ClientOptions out;
  out.backoff = milliseconds(5);
  out.longest_backoff = milliseconds(20);
  out.time_limit = milliseconds(2000);
  return out;
}

Secret key(const std::string& text = "sk-canary-0123456789") { return *Secret::from_text(text, "test"); }

/// Sends `count` requests and waits for all; outcomes by number.
std::vector<Outcome> send(Client& client, const std::string& url, std::size_t count = 1,
                          const std::function<Result<void>(const Response&)>& check = {}) {
  std::vector<Outcome> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    Request request;
    request.url = url;
    request.headers = {"Content-Type: application/json"};
    request.body = std::to_string(i);
    request.check = check;
    client.submit(std::move(request), [&out, i](Outcome outcome) { out[i] = std::move(outcome); });
  }
  while (client.pending() > 0) client.poll(milliseconds(50));
  return out;
}

TEST(Client, SendsKeyAndBodyOnce) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(200, "fine"); });
  Client client(quick(), key());
  const auto out = send(client, server.url() + "/chat/completions");
  EXPECT_FALSE(out[0].error);
  EXPECT_EQ(out[0].response.body, "fine");
  EXPECT_EQ(out[0].response.header("content-length"), "4");
  EXPECT_EQ(out[0].response.header("x-none"), "");
  const auto received = server.received();
  ASSERT_EQ(received.size(), 1);
  EXPECT_EQ(received[0].body, "0");
  EXPECT_THAT(received[0].head, HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(received[0].head, HasSubstr("Authorization: Bearer sk-canary-0123456789\r\n"));
}

TEST(Client, TriesAgainAfterEachKindOfFault) {
  const std::vector<Reply> faults = {
      reply(429, ""),
      reply(503, "busy"),
      {"", 0, true},                                                  // reset
      {"", 0, false},                                                 // closed without a word
      {"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nfi", 0, false},  // cut short
      {"no http at all", 0, false},
      reply(200, "bad"),  // fails the check
  };
  ScriptedServer server([&](std::size_t number, const Received&) {
    return number < faults.size() ? faults[number] : reply(200, "fine");
  });
  ClientOptions options = quick();
  options.max_retries = static_cast<unsigned>(faults.size());
  Client client(options, Secret());
  const auto out = send(client, server.url(), 1, [](const Response& response) -> Result<void> {
    if (response.body == "fine") return {};
    return fail(ErrorKind::malformed, "not an answer");
  });
  EXPECT_FALSE(out[0].error) << out[0].error->message();
  EXPECT_EQ(out[0].tries, faults.size() + 1);
  EXPECT_EQ(server.received().size(), faults.size() + 1);
  EXPECT_EQ(client.faults().total(), faults.size());
}

TEST(Client, GivesUpAfterTheLastTry) {
  ScriptedServer server(
      [](std::size_t, const Received&) { return reply(500, "key was sk-canary-0123456789"); });
  ClientOptions options = quick();
  options.max_retries = 2;
  Client client(options, key());
  const auto out = send(client, server.url());
  ASSERT_TRUE(out[0].error);
  EXPECT_EQ(out[0].error->kind, ErrorKind::network);
  EXPECT_EQ(server.received().size(), 3);
  EXPECT_THAT(out[0].error->message(), HasSubstr("[redacted]"));
  EXPECT_THAT(out[0].error->message(), Not(HasSubstr("canary")));
  EXPECT_THAT(out[0].response.body, Not(HasSubstr("canary")));
}

TEST(Client, NeverRepeatsWhatWasRefused) {
  for (const int status : {301, 400, 401, 403, 404, 422}) {
    ScriptedServer server([&](std::size_t, const Received&) {
      return reply(status, "no", "Location: http://127.0.0.1:1/\r\n");
    });
    Client client(quick(), key());
    const auto out = send(client, server.url());
    ASSERT_TRUE(out[0].error);
    EXPECT_EQ(out[0].error->kind,
              status == 401 || status == 403 ? ErrorKind::unauthorized : ErrorKind::refused);
    EXPECT_EQ(server.received().size(), 1) << status;
  }
}

TEST(Client, RetryAfterIsObeyed) {
  ScriptedServer server([](std::size_t number, const Received&) {
    return number == 0 ? reply(429, "", "Retry-After: 1\r\n") : reply(200, "fine");
  });
  Client client(quick(), Secret());
  const auto start = Clock::now();
  EXPECT_FALSE(send(client, server.url())[0].error);
  EXPECT_GE(Clock::now() - start, milliseconds(1000));
}

TEST(Client, TooLongARetryAfterEndsTheTries) {
  for (const auto& [asked, said] :
       {std::pair{"3600", "wait 3600 s"}, std::pair{"9223372036854775807", "wait 100000 s"}}) {
    ScriptedServer server([asked = asked](std::size_t, const Received&) {
      return reply(429, "", fmt::format("Retry-After: {}\r\n", asked));
    });
    Client client(quick(), Secret());
    const auto out = send(client, server.url());
    ASSERT_TRUE(out[0].error);
    EXPECT_THAT(out[0].error->message(), HasSubstr(said));
  }
}

TEST(Client, SlowDripEndsAtTheTimeLimit) {
  ScriptedServer server([](std::size_t, const Received&) {
    Reply out = reply(200, std::string(1000, 'x'));
    out.pause_ms = 20;
    return out;
  });
  ClientOptions options = quick();
  options.time_limit = milliseconds(150);
  options.max_retries = 1;
  Client client(options, Secret());
  const auto out = send(client, server.url());
  ASSERT_TRUE(out[0].error);
  EXPECT_EQ(out[0].error->kind, ErrorKind::timeout);
  EXPECT_EQ(out[0].tries, 2);
}

TEST(Client, BodyOverTheLimitIsRefused) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(200, std::string(5000, 'x')); });
  ClientOptions options = quick();
  options.max_body = 1000;
  Client client(options, Secret());
  const auto out = send(client, server.url());
  ASSERT_TRUE(out[0].error);
  EXPECT_EQ(out[0].error->kind, ErrorKind::too_large);
  EXPECT_EQ(server.received().size(), 1);
}

TEST(Client, KeepsToTheConcurrencyAndFindsWhatTheServerBears) {
  // Three of four are turned away, however fast either side is.
  ScriptedServer server([](std::size_t number, const Received&) {
    return number % 4 == 0 ? reply(200, "fine") : reply(429, "");
  });
  ClientOptions options = quick();
  options.concurrency = 16;
  options.max_retries = 100;
  Client client(options, Secret());
  for (const auto& outcome : send(client, server.url(), 40)) EXPECT_FALSE(outcome.error);
  EXPECT_LE(server.most_at_once(), 16);
  EXPECT_LT(client.limit(), 8);
}

TEST(Client, AllRequestsEndOnceUnderRandomFaults) {
  std::mutex mutex;
  std::mt19937 random(7);
  std::set<std::string> good;
  bool doubled = false;
  ScriptedServer server([&](std::size_t, const Received& request) -> Reply {
    const std::lock_guard lock(mutex);
    switch (random() % 8) {
      case 0:
        return reply(429, "", "Retry-After: 0\r\n");
      case 1:
        return reply(500, "");
      case 2:
        return {"", 0, true};
      case 3:
        return {"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n1", 0, false};
      default:
        doubled = doubled || !good.insert(request.body).second;
        return reply(200, request.body);
    }
  });
  ClientOptions options = quick();
  options.max_retries = 30;
  Client client(options, Secret());
  const auto out = send(client, server.url(), 300);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].response.body, std::to_string(i));
  EXPECT_FALSE(doubled);
}

TEST(Client, TwoClientsOnTwoThreads) {
  ScriptedServer server([](std::size_t number, const Received& request) {
    return number % 5 == 0 ? reply(503, "") : reply(200, request.body);
  });
  const auto work = [&] {
    ClientOptions options = quick();
    options.max_retries = 30;
    Client client(options, key());
    for (const auto& outcome : send(client, server.url(), 50)) EXPECT_FALSE(outcome.error);
  };
  std::thread other(work);
  work();
  other.join();
}

TEST(Client, FinishOnlyTriesNothingAgain) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(503, ""); });
  ClientOptions options = quick();
  options.backoff = milliseconds(10'000);
  options.longest_backoff = milliseconds(10'000);
  Client client(options, Secret());
  int ended = 0;
  client.submit({.url = server.url()}, [&](const Outcome&) { ++ended; });
  while (client.faults().server == 0) client.poll(milliseconds(20));
  client.finish_only();
  EXPECT_EQ(client.pending(), 0);
  EXPECT_EQ(ended, 0);
}

TEST(RateWindow, NoMoreThanSoManyInAnyMinute) {
  RateWindow window(3);
  const auto start = Clock::now();
  std::vector<Clock::time_point> sent;
  auto now = start;
  for (int i = 0; i < 20; ++i) {
    now = window.next(now) + milliseconds(i % 3);
    window.sent(now);
    sent.push_back(now);
  }
  for (std::size_t i = 3; i < sent.size(); ++i) EXPECT_GT(sent[i] - sent[i - 3], std::chrono::minutes(1));
}

TEST(Secret, TrimsNewlinesAndRedacts) {
  const Secret secret = *Secret::from_text("se/cret\"key\r\n\n", "test");
  EXPECT_EQ(secret.reveal(), "se/cret\"key");
  EXPECT_EQ(secret.redact("a se/cret\"key b se\\/cret\\\"key c se/cret\\\"key"),
            "a [redacted] b [redacted] c [redacted]");
  EXPECT_EQ(secret.redact_answer("se/cret\"key"), "se/cret\"key");
  EXPECT_FALSE(Secret::from_text("\n", "test"));
  const auto control = Secret::from_text("canary\nInjected: header", "file");
  ASSERT_FALSE(control);
  EXPECT_THAT(control.error().message(), Not(HasSubstr("canary")));
  static_assert(!std::is_copy_constructible_v<Secret>);
}

}  // namespace
}  // namespace holisafe::http
