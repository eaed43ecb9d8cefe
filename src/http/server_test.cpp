#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "http/server_peer.h"

namespace holisafe::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Server, AnswersAWholeRequest) {
  Serving serving;
  Left<ServerRequest> seen;
  serving.handler.on_handle = [&](ServerRequest request, const SharedExchange& exchange) {
    seen.put(std::move(request));
    exchange->respond(
        {.status = 201,
         .headers = {{"X-One", "a\r\nX-Two: b"}, {"Content-Length", "9"}, {"connection", "close"}},
         .body = "made"});
  };
  Peer peer = serving.peer();
  const Heard heard = peer.ask(post("/v1/a%20b?x=1&y", "body", "X-Twice: 1\r\nx-tWICE: 2\r\nX-Empty:\r\n"));
  EXPECT_EQ(heard.status, 201);
  EXPECT_EQ(heard.body, "made");
  EXPECT_EQ(heard.header("X-One"), "a  X-Two: b");
  EXPECT_EQ(heard.header("Content-Length"), "4");
  EXPECT_THAT(heard.header("Date"), EndsWith(" GMT"));
  EXPECT_EQ(heard.header("Connection"), "");
  const ServerRequest request = seen.take();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/v1/a%20b");
  EXPECT_EQ(request.query, "x=1&y");
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(request.header("content-length"), "4");
  EXPECT_EQ(request.header("x-empty"), "");
  EXPECT_EQ(request.header("x-twice"), std::nullopt);
  EXPECT_EQ(request.header("x-none"), std::nullopt);
  EXPECT_EQ(request.count("x-twice"), 2);
}

TEST(Server, AnswersPipelinedRequestsInTheirOrderOneAtATime) {
  Serving serving;
  Left<std::pair<std::string, SharedExchange>> waiting;
  serving.handler.on_handle = [&](const ServerRequest& request, SharedExchange exchange) {
    waiting.put({request.path + request.body, std::move(exchange)});
  };
  Peer peer = serving.peer();
  peer.say("\r\n" + post("/1", "one") + "\r\n" + get("/2") +
           "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nthr\r\n2\r\nee\r\n"
           "0\r\nHost: trailing\r\n\r\n" +
           get("/4"));
  for (const std::string expected : {"/1one", "/2", "/3three", "/4"}) {
    const auto [path, exchange] = waiting.take();
    EXPECT_EQ(path, expected);
    EXPECT_EQ(serving.handler.handled, expected[1] - '0');
    EXPECT_EQ(serving.server->under_way(), 1);
    exchange->respond({.body = expected});
    EXPECT_EQ(peer.hear().body, expected);
  }
  EXPECT_TRUE(comes_true([&] { return serving.server->under_way() == 0; }));
  EXPECT_EQ(serving.server->connections(), 1);
}

TEST(Server, AnswersHeadWithoutABody) {
  Serving serving;
  Peer peer = serving.peer();
  peer.say("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(peer.hear(true).header("Content-Length"), "8");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->begin(200, {});
    exchange->send("unseen");
    exchange->finish();
  };
  peer.say("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(peer.hear(true).header("Transfer-Encoding"), "chunked");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->respond({.status = 204, .body = "unseen"});
  };
  EXPECT_EQ(peer.ask(get("/none")).status, 204);
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->respond({.body = "seen"});
  };
  EXPECT_EQ(peer.ask(get("/")).body, "seen");
}

TEST(Server, ClosesWhereTheClientOrTheHandlerSays) {
  Serving serving;
  Peer one = serving.peer();
  EXPECT_EQ(one.ask(get("/", "Connection: close\r\n")).header("Connection"), "close");
  EXPECT_EQ(one.hear_all(), "");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->respond({.body = "last", .closes = true});
  };
  Peer two = serving.peer();
  EXPECT_EQ(two.ask(get("/")).header("Connection"), "close");
  EXPECT_EQ(two.hear_all(), "");
  one.leave();
  two.leave();
  EXPECT_TRUE(comes_true([&] { return serving.server->connections() == 0; }));
}

TEST(Server, SpeaksHttp10) {
  Serving serving;
  Peer one = serving.peer();
  one.say("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_THAT(one.hear_all(), EndsWith("\r\nConnection: close\r\n\r\nGET /old "));
  Peer two = serving.peer();
  const std::string kept = "GET /kept HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(two.ask(kept).header("Connection"), "keep-alive");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->begin(200, {{"Content-Type", "text/event-stream"}});
    exchange->send("one");
    exchange->send("two");
    exchange->finish();
  };
  const Heard heard = two.ask(kept);
  EXPECT_EQ(heard.header("Connection"), "close");
  EXPECT_EQ(heard.header("Transfer-Encoding"), "");
  EXPECT_EQ(heard.body, "onetwo");
  EXPECT_FALSE(two.was_reset());
}

TEST(Server, StreamsFromAnotherThread) {
  Serving serving;
  Left<SharedExchange> waiting;
  serving.handler.on_handle = [&](const ServerRequest&, SharedExchange exchange) {
    waiting.put(std::move(exchange));
  };
  Peer peer = serving.peer();
  for (int turn = 0; turn < 2; ++turn) {
    peer.say(get("/stream"));
    const SharedExchange exchange = waiting.take();
    exchange->begin(200, {{"Content-Type", "text/event-stream"}});
    EXPECT_THAT(peer.hear_to("\r\n\r\n"), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
    exchange->send("");  // would be the end
    exchange->send("first piece, of 25 bytes.");
    EXPECT_EQ(peer.hear_to("\r\n"), "19\r\n");
    EXPECT_EQ(peer.hear_bytes(27), "first piece, of 25 bytes.\r\n");  // before there is a second
    exchange->send("second");
    exchange->finish();
    exchange->finish();
    exchange->send("too late");
    exchange->respond({.body = "too late"});
    EXPECT_EQ(peer.hear_to("0\r\n\r\n"), "6\r\nsecond\r\n0\r\n\r\n");
    EXPECT_TRUE(comes_true([&] { return exchange->unsent() == 0; }));
    EXPECT_FALSE(exchange->gone());
  }
}

TEST(Server, ShowsThatAStreamLacksItsEnd) {
  Serving serving;
  for (const bool drops : {false, true}) {
    serving.handler.on_handle = [&](const ServerRequest&, const SharedExchange& exchange) {
      exchange->begin(200, {});
      exchange->send("half");
      if (!drops) exchange->abort();
      exchange->finish();  // of an aborted one: nothing
      if (drops) exchange->abort();
    };
    if (drops) {
      serving.handler.on_handle = [&](const ServerRequest&, const SharedExchange& exchange) {
        exchange->begin(200, {});
        exchange->send("half");
      };
    }
    Peer peer = serving.peer();
    peer.say(get("/"));
    EXPECT_THAT(peer.hear_all(), EndsWith("\r\n\r\n4\r\nhalf\r\n"));
    EXPECT_FALSE(peer.was_reset());
    // What ends with the connection alone has to end otherwise.
    Peer old = serving.peer();
    old.say("GET / HTTP/1.0\r\n\r\n");
    old.hear_all();
    EXPECT_TRUE(old.was_reset());
  }
}

TEST(Server, ClosesWhereNobodyAnswers) {
  Serving serving;
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange&) {};
  Peer dropped = serving.peer();
  dropped.say(get("/"));
  EXPECT_EQ(dropped.hear_all(), "");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange&) {
    throw std::runtime_error("x");
  };
  Peer thrown = serving.peer();
  thrown.say(get("/"));
  EXPECT_EQ(thrown.hear_all(), "");
  serving.handler.on_handle = [](const ServerRequest&, const SharedExchange& exchange) {
    exchange->when_unsent_at_most(0, [] { throw std::runtime_error("x"); });
    exchange->respond({.body = "still here"});
  };
  EXPECT_EQ(serving.peer().ask(get("/")).body, "still here");
}

TEST(Server, GivesLeaveToSendABody) {
  Serving serving;
  Peer peer = serving.peer();
  const std::string head = "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  peer.say(head);
  EXPECT_EQ(peer.hear_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(peer.ask("body").body, "POST /p body");
  EXPECT_EQ(peer.ask(head + "body").body, "POST /p body");  // who did not wait needs none
  serving.handler.on_accept = [](const ServerRequest&) {
    return ServerResponse{.status = 401, .body = "no"};
  };
  const Heard heard = peer.ask(head);
  EXPECT_EQ(heard.status, 401);
  EXPECT_EQ(heard.header("Connection"), "close");
  EXPECT_EQ(peer.hear_all(), "");
}

TEST(Server, TurnsARequestAwayUnread) {
  Serving serving;
  serving.handler.on_accept = [](const ServerRequest& head) {
    EXPECT_EQ(head.body, "");
    return head.path == "/no" ? std::optional(ServerResponse{.status = 404, .body = "no"}) : std::nullopt;
  };
  Peer kept = serving.peer();
  EXPECT_EQ(kept.ask(get("/no")).status, 404);
  EXPECT_EQ(kept.ask(post("/no", "a short body")).status, 404);
  EXPECT_EQ(kept.ask(get("/yes")).body, "GET /yes ");
  // The answer to a long one comes at once, and whoever sends it all first finds it too.
  Peer waits = serving.peer();
  EXPECT_EQ(waits.ask("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n").status, 404);
  Peer sends = serving.peer();
  EXPECT_TRUE(sends.say(post("/no", std::string(8'000'000, 'x'))));
  const Heard heard = sends.hear();
  EXPECT_EQ(heard.status, 404);
  EXPECT_EQ(heard.header("Connection"), "close");
  EXPECT_EQ(serving.handler.handled, 1);
}

TEST(Server, EndsKeptConnections) {
  Serving serving;
  Left<SharedExchange> waiting;
  Peer idle = serving.peer();
  EXPECT_EQ(idle.ask(get("/")).status, 200);
  serving.handler.on_handle = [&](const ServerRequest&, SharedExchange exchange) {
    waiting.put(std::move(exchange));
  };
  Peer busy = serving.peer();
  busy.say(get("/"));
  const SharedExchange exchange = waiting.take();
  serving.server->end_kept_connections();
  EXPECT_EQ(idle.hear_all(), "");
  exchange->respond({.body = "finished"});
  EXPECT_EQ(busy.hear().header("Connection"), "close");
  EXPECT_EQ(busy.hear_all(), "");
  Peer late = serving.peer();
  late.say(get("/"));
  waiting.take()->respond({.status = 503, .body = "draining"});
  EXPECT_EQ(late.hear().status, 503);
  EXPECT_EQ(late.hear_all(), "");
}

TEST(Server, EndsWithWorkUnderWay) {
  auto serving = std::make_unique<Serving>();
  Left<SharedExchange> waiting;
  serving->handler.on_handle = [&](const ServerRequest&, SharedExchange exchange) {
    waiting.put(std::move(exchange));
  };
  Peer peer = serving->peer();
  peer.say(get("/"));
  const SharedExchange exchange = waiting.take();
  std::atomic<int> told{0};
  exchange->when_gone([&] { ++told; });
  std::thread other([&] { serving->server->close(); });
  serving->server->close();
  other.join();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(serving->server->connections(), 0);
  EXPECT_EQ(serving->server->under_way(), 0);
  serving.reset();
  EXPECT_TRUE(exchange->gone());
  exchange->begin(200, {});
  exchange->send("nobody listens");
  exchange->finish();
  EXPECT_EQ(exchange->unsent(), 0);
  exchange->when_gone([&] { ++told; });
  exchange->when_unsent_at_most(0, [&] { ++told; });
  EXPECT_EQ(told, 3);
  EXPECT_EQ(peer.hear_all(), "");
}

TEST(Server, ListensWhereItIsTold) {
  ToldHandler handler;
  for (const std::string host : {"127.0.0.1", "localhost", "0.0.0.0"}) {
    const auto server = Server::listen({.host = host, .port = 0}, handler);
    ASSERT_TRUE(server) << server.error().message();
    EXPECT_EQ(Peer((*server)->port()).ask(get("/")).status, 200);
  }
  if (const auto server = Server::listen({.host = "::", .port = 0}, handler)) {
    EXPECT_EQ(Peer((*server)->port()).ask(get("/")).status, 200);  // both families
  }
  std::uint16_t port = 0;
  {
    const auto server = Server::listen({.port = 0}, handler);
    port = (*server)->port();
    const auto second = Server::listen({.port = port}, handler);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::busy);
    EXPECT_THAT(second.error().message(),
                StartsWith("cannot listen: 127.0.0.1:" + std::to_string(port) + ": "));
    Peer peer(port);
    EXPECT_EQ(peer.ask(get("/")).status, 200);
  }
  EXPECT_TRUE(Server::listen({.port = port}, handler));  // at once, with connections that linger
  for (const std::string host : {"", "192.0.2.1", "no such name", "::1::"}) {
    const auto server = Server::listen({.host = host, .port = 0}, handler);
    ASSERT_FALSE(server) << host;
    EXPECT_EQ(server.error().kind, ErrorKind::usage) << server.error().message();
    EXPECT_THAT(server.error().message(), StartsWith("cannot listen: "));
  }
  EXPECT_THAT(Server::listen({.host = "::1::", .port = 7}, handler).error().message(),
              HasSubstr(": [::1::]:7: "));
}

TEST(Server, OutlivesAShortageOfDescriptors) {
  Serving serving;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  Peer peer = serving.peer();
  EXPECT_EQ(peer.ask(get("/")).status, 200);
  // The next client's descriptor is the last one.
  const int next = ::dup(0);
  ::close(next);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(next) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  Peer late = serving.peer();
  EXPECT_TRUE(late.is_connected());
  const std::clock_t began = std::clock();
  std::this_thread::sleep_for(milliseconds(500));
  const double busy = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  EXPECT_EQ(peer.ask(get("/")).status, 200);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(late.ask(get("/")).status, 200);
  EXPECT_LT(busy, 0.25);
}

}  // namespace
}  // namespace holisafe::http
