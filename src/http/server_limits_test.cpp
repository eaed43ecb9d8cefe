// What the server turns away by itself.
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"
#include "http/server_peer.h"

namespace holisafe::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using namespace std::string_literals;

std::string posting(const std::string& headers, const std::string& rest = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + rest;
}

const std::vector<std::string>& malformed_requests() {
  static const std::vector<std::string> out = {
      "GET /\r\n",  // HTTP/0.9
      "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / http/1.1\r\nHost: a\r\n\r\n",
      "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
      "G{T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\rHost: a\r\r",
      "\x16\x03\x01\x02\x00\x01"s,  // TLS
      "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s,
      "GET /\x80 HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",  // no Host
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
      posting("X: a\0b\r\n"s),
      posting("X\0: a\r\n"s),
      posting("X: a\r\n b\r\n"),  // folded
      posting("X: a\r\n\tb\r\n"),
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      posting("X : a\r\n"),
      posting("X\r\n"),
      posting(": a\r\n"),
      posting("X: a\x7f\r\n"),
      posting("X: a\rb\r\n"),
      posting("X: a\nY: b\r\n"),
      posting("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
      posting("Content-Length: 1\r\nContent-Length: 2\r\n", "a"),
      posting("Content-Length: 1, 1\r\n", "a"),
      posting("Content-Length: -1\r\n"),
      posting("Content-Length: +1\r\n", "a"),
      posting("Content-Length: 0x1\r\n", "a"),
      posting("Content-Length: 1 1\r\n", "a"),
      posting("Content-Length:\r\n"),
      posting("Content-Length: 99999999999999999999999\r\n"),
      posting("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
      posting("Transfer-Encoding: gzip\r\n"),
      posting("Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", "a"),
      posting("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
      posting("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
      posting("Transfer-Encoding: identity\r\n"),
      posting("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      posting("Transfer-Encoding: chunked\r\n", "g\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "-1\r\n"),
      posting("Transfer-Encoding: chunked\r\n", " 1\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1;\n\r\na\r\n0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1;a=\"\0\"\r\na\r\n0\r\n\r\n"s),
      posting("Transfer-Encoding: chunked\r\n", "1\r\na0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1\na\n0\n\n"),
      posting("Transfer-Encoding: chunked\r\n", "00000000000000001\r\na\r\n0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1 \r\na\r\n0\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n folded: 1\r\n\r\n"),
      posting("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nX: \0\r\n\r\n"s),
      posting("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nno field\r\n\r\n"),
  };
  return out;
}

TEST(ServerLimits, TurnsAwayWhatIsNoHttp) {
  Serving serving;
  for (const std::string& bytes : malformed_requests()) {
    Peer peer = serving.peer();
    EXPECT_EQ(peer.ask(bytes).status, 400) << bytes;
    EXPECT_EQ(peer.hear_all(), "") << bytes;
    // In one byte a packet it is no better.
    Peer slow = serving.peer();
    for (const char c : bytes) slow.say({&c, 1});
    EXPECT_EQ(slow.hear().status, 400) << bytes;
  }
  EXPECT_EQ(serving.handler.handled, 0);
}

TEST(ServerLimits, AnswersWhatCameBeforeIt) {
  Serving serving;
  Peer peer = serving.peer();
  peer.say(post("/good", "x") + "bad\r\n\r\n" + get("/never"));
  EXPECT_EQ(peer.hear().body, "POST /good x");
  const Heard heard = peer.hear();
  EXPECT_EQ(heard.status, 400);
  EXPECT_EQ(heard.header("Connection"), "close");
  EXPECT_EQ(peer.hear_all(), "");
  EXPECT_EQ(serving.handler.handled, 1);
}

std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * 4096;
}

/// Says `start`, then `piece` over and over until the server has heard enough.
int status_of_endless(const Serving& serving, const std::string& start, const std::string& piece) {
  Peer peer = serving.peer();
  peer.say(start);
  std::string pieces;
  while (pieces.size() < 65'536) pieces += piece;
  std::atomic<bool> told{false};
  std::thread other([&] {
    for (int i = 0; i < 1600 && !told; ++i) {
      if (!peer.say(pieces)) break;
    }
  });
  const int status = peer.hear().status;
  told = true;
  other.join();
  return status;
}

TEST(ServerLimits, HoldsNoMoreOfAnEndlessRequestThanItMay) {
  Serving serving({.max_body_bytes = 1'000'000});
  const std::size_t before = resident_bytes();
  EXPECT_EQ(status_of_endless(serving, "", "\r\n"), 431);
  EXPECT_EQ(status_of_endless(serving, "", "G"), 431);
  EXPECT_EQ(status_of_endless(serving, "GET /", "a"), 431);
  EXPECT_EQ(status_of_endless(serving, "GET / HTTP/1.1\r\nX: ", "a"), 431);
  EXPECT_EQ(status_of_endless(serving, "GET / HTTP/1.1\r\n", "X: a\r\n"), 431);
  const std::string chunked = posting("Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(status_of_endless(serving, chunked, "5\r\nabcde\r\n"), 413);
  EXPECT_EQ(status_of_endless(serving, chunked + "5;", "a"), 431);
  EXPECT_EQ(status_of_endless(serving, chunked, "0"), 400);
  EXPECT_EQ(status_of_endless(serving, chunked + "0\r\n", "X: a\r\n"), 431);
  EXPECT_LT(resident_bytes(), before + (std::size_t{48} << 20));
  EXPECT_EQ(serving.handler.handled, 0);
}

TEST(ServerLimits, CountsAHeadToItsEnd) {
  const std::string head = get("/");
  for (const int over : {0, 1}) {
    Serving serving({.max_header_bytes = head.size() - static_cast<std::size_t>(over)});
    EXPECT_EQ(serving.peer().ask(head).status, over == 0 ? 200 : 431);
  }
}

TEST(ServerLimits, TellsOfALongBodyBeforeItComes) {
  Serving serving({.max_body_bytes = 10});
  EXPECT_EQ(serving.peer().ask(post("/", "0123456789")).status, 200);
  Peer long_one = serving.peer();
  const Heard heard = long_one.ask("POST /path HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
  EXPECT_EQ(heard.status, 413);
  EXPECT_EQ(heard.body, "fault /path");
  EXPECT_EQ(long_one.hear_all(), "");
  const std::string chunked = posting("Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(serving.peer().ask(chunked + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(serving.peer().ask(chunked + "5\r\n01234\r\n6\r\n").status, 413);
  EXPECT_EQ(serving.peer().ask(chunked + "ffffffffffffffff\r\n").status, 413);
}

TEST(ServerLimits, HoldsNoMoreOfAllBodiesThanItMay) {
  Serving serving({.max_held_bytes = 1000});
  const std::string half(600, 'a');
  const std::string begun = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1200\r\n\r\n" + half;
  Peer first = serving.peer();
  first.say(begun);
  // Those that come while the first is there are one too many, as often as they try.
  EXPECT_TRUE(comes_true([&] { return serving.peer().ask(begun).status == 503; }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(serving.peer().ask(begun).status, 503);
  EXPECT_EQ(first.ask(half).status, 200);
  Peer second = serving.peer();
  second.say(begun);
  EXPECT_EQ(second.ask(half).status, 200);
}

TEST(ServerLimits, GivesAWholeRequestItsTime) {
  Serving serving({.read_timeout = milliseconds(400)});
  Peer kept = serving.peer();
  EXPECT_EQ(kept.ask(get("/")).status, 200);
  for (const std::string start :
       {"G", "GET / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n"}) {
    Peer peer = serving.peer();
    peer.say(start);
    // A byte now and then buys no time.
    std::atomic<bool> told{false};
    std::thread other([&] {
      while (!told && peer.say("x")) std::this_thread::sleep_for(milliseconds(20));
    });
    const Heard heard = peer.hear();
    EXPECT_EQ(heard.status, 408) << start;
    EXPECT_EQ(heard.header("Connection"), "close");
    told = true;
    other.join();
  }
  Peer silent = serving.peer();
  EXPECT_EQ(silent.hear_all(), "");  // who asked for nothing is told nothing
  kept.say("GET");                   // its time begins with its first byte
  EXPECT_EQ(kept.hear().status, 408);
}

TEST(ServerLimits, AnswersATurnedAwayRequestWhoseBodyDoesNotCome) {
  Serving serving({.read_timeout = milliseconds(300)});
  serving.handler.on_accept = [](const ServerRequest&) { return ServerResponse{.status = 401}; };
  Peer peer = serving.peer();
  const Heard heard = peer.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_EQ(heard.status, 401);
  EXPECT_EQ(heard.header("Connection"), "close");
}

TEST(ServerLimits, ClosesIdleConnections) {
  Serving serving({.idle_timeout = milliseconds(200)});
  Peer peer = serving.peer();
  EXPECT_EQ(peer.ask(get("/")).status, 200);
  EXPECT_EQ(peer.hear_all(), "");
  EXPECT_FALSE(peer.was_reset());
}

TEST(ServerLimits, GivesTheHandlerAllTheTimeItWants) {
  Serving serving({.read_timeout = milliseconds(100),
                   .idle_timeout = milliseconds(100),
                   .write_timeout = milliseconds(100)});
  std::vector<std::thread> threads;
  serving.handler.on_handle = [&](const ServerRequest&, const SharedExchange& exchange) {
    threads.emplace_back([exchange] {
      std::this_thread::sleep_for(milliseconds(500));
      exchange->begin(200, {});
      std::this_thread::sleep_for(milliseconds(500));
      exchange->send("late");
      exchange->finish();
    });
  };
  EXPECT_EQ(serving.peer().ask(get("/")).body, "4\r\nlate\r\n0\r\n\r\n");
  serving.server->close();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace holisafe::http
