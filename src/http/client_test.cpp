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
  for (const int status : {303, 400, 401, 403, 404, 422}) {
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

/// A body as bytes that may hold 0.
template <std::size_t N>
std::string bytes(const char (&text)[N]) {
  return {text, N - 1};
}

TEST(Client, DecodesGzipAndDeflateAndLimitsWhatComesOut) {
  const std::string gzip = bytes(
      "\037\213\010\000\000\000\000\000\002\003\113\313\314\113\005\000\222\124\251\276\004\000\000\000");
  const std::string deflate = bytes("\170\234\113\313\314\113\005\000\004\030\001\243");
  const std::string five_thousand = bytes(
      "\037\213\010\000\000\000\000\000\002\003\355\301\061\001\000\000\000\302\240\332\213\157\012\077\240"
      "\000\000\000\000\200"
      "\267\001\046\360\333\000\210\023\000\000");
  ScriptedServer server([&](std::size_t, const Received& request) {
    EXPECT_THAT(request.head, HasSubstr("Accept-Encoding: gzip, deflate\r\n"));
    if (request.body == "0") return reply(200, gzip, "Content-Encoding: gzip\r\n");
    if (request.body == "1") return reply(200, deflate, "Content-Encoding: deflate\r\n");
    return reply(200, five_thousand, "Content-Encoding: gzip\r\n");
  });
  ClientOptions options = quick();
  options.max_body = 1000;
  Client client(options, Secret());
  const auto out = send(client, server.url(), 3);
  EXPECT_EQ(out[0].response.body, "fine");
  EXPECT_EQ(out[1].response.body, "fine");
  ASSERT_TRUE(out[2].error);
  EXPECT_EQ(out[2].error->kind, ErrorKind::too_large);
  EXPECT_LT(five_thousand.size(), options.max_body);
}

TEST(Client, RequestHasABodyLimitOfItsOwn) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(200, std::string(5000, 'x')); });
  Client client(quick(), Secret());
  std::optional<Error> error;
  client.submit({.url = server.url(), .max_body = 4999},
                [&](const Outcome& outcome) { error = outcome.error; });
  while (client.pending() > 0) client.poll(milliseconds(50));
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message(), HasSubstr("at most 4999 bytes"));
}

TEST(Client, FieldsTrailersAndInterimResponsesAreBounded) {
  std::string fields;
  for (int i = 0; i < 400; ++i) fields += "X-A: " + std::string(900, 'a') + "\r\n";
  std::string early;
  for (int i = 0; i < 20'000; ++i) early += "HTTP/1.1 103 E\r\nLink: x\r\n\r\n";
  const std::string fine = "HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nfine";
  for (const std::string& bad :
       {"HTTP/1.1 200 X\r\n" + fields + "Content-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n" + fields + "\r\n",
        early + fine, "HTTP/1.1 200 X\r\nX-A: " + std::string(400'000, 'a') + "\r\n\r\n"}) {
    ScriptedServer server([&](std::size_t, const Received&) { return Reply{bad}; });
    ClientOptions options = quick();
    options.max_retries = 0;
    Client client(options, Secret());
    const auto out = send(client, server.url());
    ASSERT_TRUE(out[0].error) << bad.substr(0, 60);
    EXPECT_THAT(out[0].error->message(), HasSubstr("header fields too large"));
  }
  // Some of each are fine.
  ScriptedServer server([&](std::size_t, const Received&) {
    return Reply{early.substr(0, 2700) + "HTTP/1.1 200 X\r\n" + fields.substr(0, 90'700) +
                 "Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX-B: b\r\n\r\n"};
  });
  Client client(quick(), Secret());
  const auto out = send(client, server.url());
  EXPECT_FALSE(out[0].error) << out[0].error->message();
  EXPECT_EQ(out[0].response.body, "fine");
}

TEST(Client, FollowsRedirectionsOnItsOwnServerOnly) {
  ScriptedServer other([](std::size_t, const Received&) { return reply(200, "stolen"); });
  for (const int status : {307, 308}) {
    ScriptedServer server([&](std::size_t, const Received& request) {
      if (request.head.starts_with("POST /api/v1 ")) return reply(200, request.body);
      return reply(status, "", "Location: /api/v1\r\n");
    });
    Client client(quick(), key());
    for (int i = 0; i < 2; ++i) {
      const auto out = send(client, server.url());
      EXPECT_EQ(out[0].response.body, "0");
      EXPECT_EQ(out[0].tries, 1);
    }
    EXPECT_EQ(server.received().size(), status == 308 ? 3 : 4);  // 308 is for good
    EXPECT_THAT(server.received()[1].head, HasSubstr("Bearer sk-canary"));
  }
  const std::string away = other.url() + "/x?next=1";
  for (const auto& [status, location] :
       {std::pair{308, away}, std::pair{307, std::string("//localhost/v1")},
        std::pair{301, std::string("/api/v1")}, std::pair{308, std::string("https://127.0.0.1/v1")},
        std::pair{302, away}}) {
    ScriptedServer server([status = status, location = location](std::size_t, const Received&) {
      return reply(status, "", "Location: " + location + "\r\n");
    });
    Client client(quick(), key());
    const auto out = send(client, server.url());
    ASSERT_TRUE(out[0].error);
    EXPECT_EQ(out[0].error->kind, ErrorKind::refused);
    EXPECT_THAT(out[0].error->message(), HasSubstr("moved to http"));
    EXPECT_THAT(out[0].error->message(), HasSubstr(location.substr(location.find("//") == 0 ? 2 : 0)));
    EXPECT_EQ(server.received().size(), 1);
  }
  EXPECT_TRUE(other.received().empty());
}

TEST(Client, RedirectionsInACircleEnd) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(307, "", "Location: /again\r\n"); });
  Client client(quick(), Secret());
  EXPECT_THAT(send(client, server.url())[0].error->message(), HasSubstr("/again"));
  EXPECT_EQ(server.received().size(), 6);
}

TEST(Client, MillisecondsToWaitAreObeyed) {
  for (const char* header :
       {"retry-after-ms: 400\r\nRetry-After: 0\r\n", "x-ratelimit-reset-requests: 0.4s\r\n"}) {
    ScriptedServer server([&](std::size_t number, const Received&) {
      return number == 0 ? reply(429, "", header) : reply(200, "fine");
    });
    Client client(quick(), Secret());
    const auto start = Clock::now();
    EXPECT_FALSE(send(client, server.url())[0].error);
    EXPECT_GE(Clock::now() - start, milliseconds(400));
  }
}

TEST(Client, FinalResponsesAreNotTriedAgain) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(429, "no credit"); });
  Client client(quick(), Secret());
  std::optional<Outcome> out;
  client.submit({.url = server.url(), .is_final = [](const Response& it) { return it.body == "no credit"; }},
                [&](Outcome outcome) { out = std::move(outcome); });
  while (client.pending() > 0) client.poll(milliseconds(50));
  EXPECT_EQ(out->tries, 1);
  EXPECT_FALSE(out->unreachable);
}

TEST(Client, NobodyThereIsTriedTwice) {
  Client client(quick(), Secret());
  const auto out = send(client, "http://127.0.0.1:1/v1?key=1");
  ASSERT_TRUE(out[0].error);
  EXPECT_TRUE(out[0].unreachable);
  EXPECT_EQ(out[0].tries, 2);
  EXPECT_THAT(out[0].error->message(), HasSubstr("http://127.0.0.1:1/v1: "));
}

TEST(Client, ErrorsHideTheKeyHoweverItIsEscaped) {
  const std::string secret = "sk-Ab+12/xyZ==\"q";
  std::string all;
  std::string again;
  for (const char c : secret) all += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  for (const char c : all) again += c == '\\' ? std::string("\\\\") : std::string(1, c);
  std::vector<std::string> forms = {secret, all, again, "sk-Ab\\u002B12\\/xyZ==\\\"q",
                                    "sk-Ab+12\\\\/xyZ\\u003d=\\u0022q"};
  for (std::size_t i = 0; i < secret.size(); ++i) {
    forms.push_back(secret.substr(0, i) + fmt::format("\\u{:04X}", static_cast<unsigned>(secret[i])) +
                    secret.substr(i + 1));
  }
  for (const std::string& form : forms) {
    for (const auto& [before, behind] :
         {std::pair{std::string("{\"error\":{\"message\":\"no key: "), std::string("\"}}")},
          std::pair{std::string(295, 'x'), std::string()}}) {
      ScriptedServer server(
          [&, text = before + form + behind](std::size_t, const Received&) { return reply(400, text); });
      Client client(quick(), key(secret));
      const auto out = send(client, server.url());
      for (const std::string& text : {out[0].error->message(), out[0].response.body}) {
        EXPECT_THAT(text, Not(HasSubstr("sk-A"))) << form;
        EXPECT_THAT(text, Not(HasSubstr("u0073"))) << form;
        EXPECT_THAT(text, Not(HasSubstr("xyZ"))) << form;
      }
    }
  }
}

}  // namespace
}  // namespace holisafe::http
