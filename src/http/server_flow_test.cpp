// Clients that go away, that do not read, that are many.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"
#include "http/server_peer.h"

namespace holisafe::http {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A handler that leaves its exchanges here.
struct Kept {
  Left<SharedExchange> waiting;
  void by(Serving& serving) {
    serving.handler.on_handle = [this](const ServerRequest&, SharedExchange exchange) {
      waiting.put(std::move(exchange));
    };
  }
};

TEST(ServerFlow, TellsOfAClientThatGoesAway) {
  Serving serving;
  Kept kept;
  kept.by(serving);
  for (const bool with_reset : {false, true}) {
    for (const bool streams : {false, true}) {
      Peer peer = serving.peer();
      peer.say(get("/"));
      const SharedExchange exchange = kept.waiting.take();
      std::atomic<int> told{0};
      std::atomic<int> replaced{0};
      exchange->when_gone([&] { ++replaced; });
      exchange->when_gone([&] { ++told; });
      if (streams) {
        exchange->begin(200, {});
        exchange->send("one");
        peer.hear_to("one\r\n");
      }
      EXPECT_FALSE(exchange->gone());
      peer.leave(with_reset);
      EXPECT_TRUE(comes_true([&] { return told > 0; }));
      EXPECT_TRUE(exchange->gone());
      // Whoever asks late is told at once; all else does nothing.
      exchange->send("to nobody");
      exchange->respond({});
      exchange->when_gone([&] { ++told; });
      exchange->when_unsent_at_most(0, [&] { ++told; });
      EXPECT_TRUE(comes_true([&] { return told == 3; }));
      EXPECT_EQ(exchange->unsent(), 0);
      EXPECT_EQ(replaced, 0);
    }
  }
  EXPECT_TRUE(comes_true([&] { return serving.server->connections() == 0; }));
  EXPECT_EQ(serving.server->under_way(), 0);
}

TEST(ServerFlow, TellsOfAClientThatSentMuchAheadAndWent) {
  Serving serving;
  Kept kept;
  kept.by(serving);
  Peer peer = serving.peer();
  peer.say(get("/"));
  const SharedExchange exchange = kept.waiting.take();
  std::atomic<bool> told{false};
  exchange->when_gone([&] { told = true; });
  peer.say(std::string(100'000, 'x'));  // more than is read ahead
  peer.leave();
  EXPECT_TRUE(comes_true([&] { return told.load(); }));
}

TEST(ServerFlow, KeepsBytesThatCameWhileItAnswered) {
  Serving serving;
  Left<SharedExchange> waiting;
  serving.handler.on_handle = [&](const ServerRequest& request, const SharedExchange& exchange) {
    if (request.path == "/") return waiting.put(exchange);
    exchange->respond({.body = request.path + std::to_string(request.body.size())});
  };
  Peer peer = serving.peer();
  peer.say(get("/"));
  const SharedExchange first = waiting.take();
  const std::string body(300'000, 'b');  // over what is read ahead
  std::thread other([&] { peer.say(post("/next", body) + get("/last")); });
  first->begin(200, {});
  first->send("x");
  first->finish();
  EXPECT_EQ(peer.hear().body, "1\r\nx\r\n0\r\n\r\n");
  EXPECT_EQ(peer.hear().body, "/next300000");
  EXPECT_EQ(peer.hear().body, "/last0");
  other.join();
}

TEST(ServerFlow, AnswersAClientThatClosedItsHalf) {
  Serving serving;
  Peer peer = serving.peer();
  peer.say(get("/one") + get("/two"));
  peer.half_close();
  EXPECT_EQ(peer.hear().body, "GET /one ");
  EXPECT_EQ(peer.hear().body, "GET /two ");
  EXPECT_EQ(peer.hear_all(), "");
}

/// Sends `pieces` of a size, each when no more than `most` are unsent; notes how many ever were.
class Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(SharedExchange exchange, std::size_t pieces, std::size_t size, std::size_t most)
      : exchange_(std::move(exchange)), pieces_(pieces), size_(size), most_(most) {}
  void go() {
    if (exchange_->gone()) return;
    if (sent_ == pieces_) return exchange_->finish();
    exchange_->send(std::string(size_, static_cast<char>('a' + sent_ % 26)));
    ++sent_;
    most_seen_ = std::max(most_seen_.load(), exchange_->unsent());
    exchange_->when_unsent_at_most(most_, [self = shared_from_this()] { self->go(); });
  }
  [[nodiscard]] std::size_t sent() const { return sent_; }
  [[nodiscard]] std::size_t most_seen() const { return most_seen_; }

 private:
  const SharedExchange exchange_;
  const std::size_t pieces_;
  const std::size_t size_;
  const std::size_t most_;
  std::atomic<std::size_t> sent_{0};
  std::atomic<std::size_t> most_seen_{0};
};

TEST(ServerFlow, HoldsBackWhereTheClientDoesNotRead) {
  Serving serving;
  Kept kept;
  kept.by(serving);
  constexpr std::size_t pieces = 512;
  constexpr std::size_t size = 32'768;
  Peer peer(serving.server->port(), nullptr, 65'536);
  peer.say(get("/"));
  const SharedExchange exchange = kept.waiting.take();
  exchange->begin(200, {});
  const auto pump = std::make_shared<Pump>(exchange, pieces, size, 2 * size);
  pump->go();
  peer.hear_to("\r\n\r\n");
  // It stands still with the client's and the system's memory full.
  std::size_t before = 0;
  EXPECT_TRUE(comes_true([&] {
    const std::size_t now = pump->sent();
    std::this_thread::sleep_for(milliseconds(300));
    return now == std::exchange(before, now) && now > 0;
  }));
  EXPECT_LT(pump->sent(), pieces);
  EXPECT_GT(exchange->unsent(), 0);
  for (std::size_t i = 0; i < pieces; ++i) {
    ASSERT_EQ(peer.hear_to("\r\n"), "8000\r\n");
    ASSERT_EQ(peer.hear_bytes(size + 2), std::string(size, static_cast<char>('a' + i % 26)) + "\r\n");
  }
  EXPECT_EQ(peer.hear_to("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_LE(pump->most_seen(), 3 * size);
}

TEST(ServerFlow, CutsAClientThatStoppedReading) {
  Serving serving({.write_timeout = milliseconds(300)});
  Kept kept;
  kept.by(serving);
  Peer peer(serving.server->port(), nullptr, 65'536);
  peer.say(get("/"));
  const SharedExchange exchange = kept.waiting.take();
  std::atomic<bool> told{false};
  exchange->when_gone([&] { told = true; });
  exchange->begin(200, {});
  exchange->send(std::string(16'000'000, 'x'));
  EXPECT_TRUE(comes_true([&] { return told.load(); }));
  EXPECT_EQ(exchange->unsent(), 0);
  EXPECT_EQ(serving.server->connections(), 0);
  peer.hear_all();
  EXPECT_TRUE(peer.was_reset());
}

TEST(ServerFlow, IsNotSlowedByManySlowClients) {
  constexpr int many = 500;
  Serving serving({.read_timeout = milliseconds(3000)});
  std::vector<Peer> slow;
  slow.reserve(many);
  for (int i = 0; i < many; ++i) {
    slow.push_back(serving.peer());
    slow.back().say("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
  }
  ASSERT_TRUE(comes_true([&] { return serving.server->connections() == many; }));
  std::vector<Clock::duration> times;
  Peer quick = serving.peer();
  for (int i = 0; i < 100; ++i) {
    const auto began = Clock::now();
    EXPECT_EQ(quick.ask(get("/health")).status, 200);
    times.push_back(Clock::now() - began);
  }
  std::nth_element(times.begin(), times.begin() + 50, times.end());
  EXPECT_LT(times[50], milliseconds(500));
  for (Peer& peer : slow) EXPECT_EQ(peer.hear().status, 408);
  EXPECT_EQ(quick.ask(get("/health")).status, 200);
}

TEST(ServerFlow, StreamsToManyAtOnce) {
  constexpr int many = 64;
  Serving serving;
  Kept kept;
  kept.by(serving);
  std::vector<Peer> peers;
  peers.reserve(many);
  for (int i = 0; i < many; ++i) {
    peers.push_back(serving.peer());
    peers.back().say(get("/"));
  }
  std::vector<SharedExchange> exchanges;
  for (int i = 0; i < many; ++i) exchanges.push_back(kept.waiting.take());
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < 4; ++part) {
    threads.emplace_back([&exchanges, part] {
      for (std::size_t i = part; i < exchanges.size(); i += 4) exchanges[i]->begin(200, {});
      for (int step = 0; step < 20; ++step) {
        for (std::size_t i = part; i < exchanges.size(); i += 4) exchanges[i]->send("token");
      }
      for (std::size_t i = part; i < exchanges.size(); i += 4) exchanges[i]->finish();
    });
  }
  std::string expected;
  for (int step = 0; step < 20; ++step) expected += "5\r\ntoken\r\n";
  for (Peer& peer : peers) EXPECT_EQ(peer.hear().body, expected + "0\r\n\r\n");
  for (std::thread& thread : threads) thread.join();
}

TEST(ServerFlow, TellsTheOneTooMany) {
  Serving serving({.max_connections = 4});
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(serving.peer());
    EXPECT_EQ(peers.back().ask(get("/")).status, 200);
  }
  for (const bool says : {false, true}) {
    Peer extra = serving.peer();
    if (says) extra.say(get("/"));
    EXPECT_EQ(extra.hear().status, 503);
    EXPECT_EQ(extra.hear_all(), "");
    EXPECT_FALSE(extra.was_reset());
  }
  EXPECT_EQ(peers[0].ask(get("/")).status, 200);
  peers.pop_back();
  EXPECT_TRUE(comes_true([&] { return serving.peer().ask(get("/")).status == 200; }));
}

TEST(ServerFlow, OutlivesAFloodOfConnections) {
  Serving serving({.max_connections = 4});
  for (int i = 0; i < 1000; ++i) {
    Peer peer = serving.peer();
    if (i % 2 == 0) peer.say(get("/"));
    peer.leave(i % 3 == 0);
  }
  EXPECT_TRUE(comes_true([&] { return serving.server->connections() == 0; }));
  EXPECT_EQ(serving.peer().ask(get("/")).status, 200);
  EXPECT_TRUE(comes_true([&] { return serving.server->under_way() == 0; }));
}

TEST(ServerFlow, LosesNothingToClientsThatLeaveAtAnyTime) {
  Serving serving;
  Left<SharedExchange> waiting;
  std::atomic<int> told{0};
  std::atomic<int> taken{0};
  serving.handler.on_handle = [&](const ServerRequest&, const SharedExchange& exchange) {
    ++taken;
    exchange->when_gone([&] { ++told; });
    waiting.put(exchange);
  };
  std::atomic<int> ended{0};
  const auto answer = [&] {
    for (unsigned turn = 0; SharedExchange exchange = waiting.take(); ++turn) {
      ++ended;
      if (turn % 5 == 0) continue;  // dropped
      if (turn % 5 == 1) {
        exchange->respond({.body = std::string(100'000, 'x')});
        continue;
      }
      exchange->begin(200, {});
      for (int i = 0; i < 20; ++i) exchange->send(std::string(5'000, 'x'));
      turn % 5 == 2 ? exchange->abort() : exchange->finish();
    }
  };
  std::vector<std::thread> answering;
  for (int i = 0; i < 3; ++i) answering.emplace_back(answer);
  std::vector<std::thread> asking;
  for (unsigned part = 0; part < 4; ++part) {
    asking.emplace_back([&serving, part] {
      const std::string request = post("/", std::string(300, 'b'));
      for (unsigned i = 0; i < 250; ++i) {
        const unsigned chance = (i * 4 + part) * 2654435761U >> 8;
        Peer peer = serving.peer();
        const std::size_t said = request.size() / 2 + chance % (request.size() + 100);
        peer.say((request + request).substr(0, said));
        if (said >= request.size() && chance % 3 == 0) peer.hear_bytes(1 + chance % 50'000);
        peer.leave(chance % 2 == 0);
      }
    });
  }
  for (std::thread& thread : asking) thread.join();
  EXPECT_TRUE(comes_true([&] { return serving.server->connections() == 0 && ended == taken; }));
  EXPECT_EQ(serving.server->under_way(), 0);
  EXPECT_GT(taken, 100);
  EXPECT_GT(told, 0);
  EXPECT_LE(told, taken);
  for (std::size_t i = 0; i < answering.size(); ++i) waiting.put(nullptr);
  for (std::thread& thread : answering) thread.join();
}

}  // namespace
}  // namespace holisafe::http
