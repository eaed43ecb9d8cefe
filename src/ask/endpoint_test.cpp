// Asking over real sockets: faults, stops, and keys that stay secret.
#include "ask/endpoint.h"

#include <set>

#include <gmock/gmock.h>

#include "ask/asked_server.h"

namespace holisafe::ask {
namespace {

using http::Received;
using http::Reply;
using http::reply;
using http::ScriptedServer;
using testing::HasSubstr;
using testing::Not;

TEST(Asking, FaultsAreTriedAgainAndFailuresStayPending) {
  ScriptedServer server([](std::size_t number, const Received& request) -> Reply {
    switch (number % 7) {
      case 0:
        return reply(429, "");
      case 2:
        return reply(500, canary);
      case 3:
        return {"", 0, true};
      case 5:
        return {"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{\"choi"};
      case 6:
        return reply(200, "<html>");
      default:
        break;
    }
    const int row = asked_row(request.body);
    return row % 10 == 7 ? reply(400, canary) : reply(200, chat(text_of_row(row)));
  });
  MemoryLedger ledger(40);
  StopFlag stop;
  const auto end = ask(server, openai_provider(), ledger, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled + end->unsettled, 40);
  EXPECT_FALSE(end->interrupted);
  EXPECT_GT(end->faults.total(), 0);
  EXPECT_EQ(ledger.found.size(), 40);
  for (const auto& [row, found] : ledger.found) {
    if (found) {
      EXPECT_EQ(found->text, text_of_row(static_cast<int>(row)));
    } else {
      EXPECT_THAT(found.error().message(), Not(HasSubstr("canary")));
    }
  }
  for (const std::int64_t row : {7, 17, 27, 37}) EXPECT_FALSE(ledger.found.at(row));
  EXPECT_EQ(ledger.found.at(13).error().what, "no image");
  EXPECT_LE(server.most_at_once(), 4);

  // Again: only what is left is asked.
  const auto before = server.received().size();
  const auto left = ledger.unsettled();
  ASSERT_TRUE(ask(server, openai_provider(), ledger, stop));
  std::set<int> asked;
  const auto received = server.received();
  for (auto i = before; i < received.size(); ++i) asked.insert(asked_row(received[i].body));
  EXPECT_EQ(asked.size(), left - 1);  // row 13 has no image to ask about
}

TEST(Asking, ContentFiltersAndRefusalsAreReplies) {
  ScriptedServer server([](std::size_t, const Received& request) {
    const int row = asked_row(request.body);
    if (row == 0) return reply(400, R"({"error":{"code":"content_filter"}})");
    if (row == 1)
      return reply(200, R"({"choices":[{"message":{"content":null},"finish_reason":"content_filter"}]})");
    return reply(
        200, fmt::format(R"({{"choices":[{{"message":{{"content":null,"refusal":"no {}"}}}}]}})", canary));
  });
  MemoryLedger ledger(3);
  StopFlag stop;
  ASSERT_TRUE(ask(server, openai_provider(), ledger, stop));
  EXPECT_EQ(ledger.found.at(0)->state, chat::State::filtered);
  EXPECT_EQ(ledger.found.at(0)->finish_reason, "content_filter");
  EXPECT_EQ(ledger.found.at(1)->state, chat::State::filtered);
  EXPECT_EQ(ledger.found.at(2)->state, chat::State::declined);
  EXPECT_EQ(ledger.found.at(2)->text, "no [redacted]");
  EXPECT_EQ(server.received().size(), 3);
}

TEST(Asking, RowsThatAreModeratedAreFilteredAndTheOthersAsked) {
  ScriptedServer server([](std::size_t, const Received& request) {
    const int row = asked_row(request.body);
    constexpr int statuses[] = {403, 400, 451};
    if (row < 3)
      return reply(statuses[row], R"({"error":{"message":"Your input was flagged by moderation"}})");
    if (row == 3) return reply(403, "Blocked: content policy");
    return reply(200, chat(text_of_row(row)));
  });
  MemoryLedger ledger(8);
  StopFlag stop;
  const auto end = ask(server, openai_provider(), ledger, stop);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->stopped);
  EXPECT_EQ(end->settled, 8);
  for (chat::Key row = 0; row < 4; ++row)
    EXPECT_EQ(ledger.found.at(row)->state, chat::State::filtered) << row;
  EXPECT_EQ(ledger.found.at(4)->state, chat::State::answered);
  EXPECT_EQ(server.received().size(), 8);
}

TEST(Asking, HopelessAskingStopsAfterOneRound) {
  const std::pair<int, const char*> hopeless[] = {
      {404, R"({"error":{"message":"The model `m` does not exist"}})"},
      {404, "404 page not found"},
      {402, R"({"error":{"message":"Insufficient credits"}})"},
      {429, R"({"error":{"message":"quota","code":"insufficient_quota"}})"}};
  for (const std::size_t concurrency : {1U, 4U}) {
    for (const auto& [status, said] : hopeless) {
      ScriptedServer server(
          [&, status = status, said = said](std::size_t, const Received&) { return reply(status, said); });
      http::ClientOptions options = quick();
      options.concurrency = concurrency;
      EndpointAnswerer answerer(
          *Endpoint::open(openai_provider(), {server.url(), "m", Json::object(), options}, http::Secret()));
      MemoryLedger ledger(60);
      StopFlag stop;
      const auto end = ask_all(answerer, ledger, unheard, stop);
      ASSERT_TRUE(end);
      ASSERT_TRUE(end->stopped) << said;
      EXPECT_THAT(end->stopped->message(), HasSubstr(fmt::format("HTTP {}", status)));
      EXPECT_LE(server.received().size(), 3 * concurrency);
      EXPECT_LE(ledger.found.size(), concurrency == 1 ? 1 : 0);
    }
  }
}

TEST(Asking, NobodyThereStopsTheAsking) {
  EndpointAnswerer answerer(*Endpoint::open(
      openai_provider(), {"http://127.0.0.1:1/v1", "m", Json::object(), quick()}, http::Secret()));
  MemoryLedger ledger(60);
  StopFlag stop;
  const auto end = ask_all(answerer, ledger, unheard, stop);
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->stopped);
  EXPECT_EQ(end->stopped->kind, ErrorKind::network);
  EXPECT_TRUE(ledger.found.empty());
  EXPECT_LE(end->faults.network, 12);
}

TEST(Asking, AnAnswerTellsThatTheAskingIsNotHopeless) {
  ScriptedServer server([](std::size_t, const Received& request) {
    const int row = asked_row(request.body);
    if (row < 3) return reply(404, "no such picture");
    if (row == 5) return reply(429, R"({"error":{"code":"insufficient_quota"}})");
    return reply(200, chat(text_of_row(row)));
  });
  MemoryLedger ledger(10);
  StopFlag stop;
  const auto end = ask(server, openai_provider(), ledger, stop);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->stopped);
  EXPECT_EQ(end->settled, 6);
  EXPECT_EQ(end->unsettled, 4);
  EXPECT_EQ(server.received().size(), 10);
}

TEST(Asking, ParametersThatAModelDoesNotTakeChangeOnce) {
  ScriptedServer server([](std::size_t, const Received& request) {
    const Json body = Json::parse(request.body);
    if (body.contains("max_tokens"))
      return reply(400,
                   R"({"error":{"message":"Unsupported parameter: 'max_tokens'","param":"max_tokens"}})");
    if (body.contains("temperature"))
      return reply(400, R"({"error":{"message":"temperature: only 1 is allowed"}})");
    if (asked_row(request.body) == 7) return reply(400, R"({"error":{"message":"bad image"}})");
    EXPECT_EQ(body["max_completion_tokens"], 512);
    return reply(200, chat(text_of_row(asked_row(request.body))));
  });
  std::vector<std::string> said;
  EndpointSettings settings{server.url(), "m", Json::object(), quick()};
  settings.on_change = [&](const ParameterChange& change) {
    said.push_back(change.parameters.text() + ": " + change.said);
  };
  EndpointAnswerer answerer(*Endpoint::open(openai_provider(), std::move(settings), http::Secret()));
  MemoryLedger ledger(12);
  StopFlag stop;
  const auto end = ask_all(answerer, ledger, unheard, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled, 11);
  EXPECT_EQ(end->unsettled, 1);
  ASSERT_EQ(said.size(), 2);
  EXPECT_THAT(said[0], HasSubstr("max_tokens"));
  EXPECT_THAT(said[1],
              HasSubstr("max_completion_tokens no-temperature: the model does not take this temperature"));
  EXPECT_LE(server.received().size(), 12 + 4 + 4);
}

TEST(Asking, ErrorsOfTwoHundredsArePassedOn) {
  for (
      const auto& [body, said] :
      {std::pair{R"({"error":{"message":"Model m is not available"}})", "Model m is not available"},
       std::pair{"<html><title>Sign in</title></html>", "an HTML page \"Sign in\""},
       std::pair{
           R"({"choices":[{"message":{"content":"half"},"finish_reason":"error","error":{"message":"boom"}}]})",
           "boom"},
       std::pair{"upstream is away", "\"upstream is away\""}}) {
    ScriptedServer server([body = body](std::size_t, const Received&) { return reply(200, body); });
    http::ClientOptions options = quick();
    options.max_retries = 1;
    EndpointAnswerer answerer(
        *Endpoint::open(openai_provider(), {server.url(), "m", Json::object(), options}, http::Secret()));
    MemoryLedger ledger(1);
    StopFlag stop;
    ASSERT_TRUE(ask_all(answerer, ledger, unheard, stop));
    EXPECT_THAT(ledger.found.at(0).error().message(), HasSubstr(said));
    EXPECT_THAT(ledger.found.at(0).error().message(), HasSubstr("(2 tries)"));
  }
}

TEST(Asking, BodiesOfAnswersAreBounded) {
  std::string values = R"({"choices":[{"message":{"content":"x"}}],"z":[)";
  for (int i = 0; i < 1'100'000; ++i) values += "{},";
  const std::string large = chat(std::string(17'000'000, 'x'));
  for (const std::string& body : {values + "0]}", large}) {
    ScriptedServer server([&](std::size_t, const Received&) { return reply(200, body); });
    http::ClientOptions options = quick();
    options.max_retries = 0;
    EndpointAnswerer answerer(
        *Endpoint::open(openai_provider(), {server.url(), "m", Json::object(), options}, http::Secret()));
    MemoryLedger ledger(1);
    StopFlag stop;
    ASSERT_TRUE(ask_all(answerer, ledger, unheard, stop));
    EXPECT_THAT(ledger.found.at(0).error().message(), HasSubstr("at most"));
  }
}

TEST(Asking, KeyGoesInTheHeaderThatIsNamed) {
  ScriptedServer server([](std::size_t, const Received& request) {
    return reply(200, chat(text_of_row(asked_row(request.body))));
  });
  const auto open = [&](const std::string& header) {
    EndpointSettings settings{server.url() + "?api-version=1", "m", Json::object(), quick()};
    settings.key_header = header;
    return Endpoint::open(openai_provider(), std::move(settings), *http::Secret::from_text(canary, "t"));
  };
  EndpointAnswerer answerer(*open("api-key"));
  MemoryLedger ledger(1);
  StopFlag stop;
  ASSERT_TRUE(ask_all(answerer, ledger, unheard, stop));
  EXPECT_THAT(server.received()[0].head, HasSubstr("api-key: sk-canary-0123456789\r\n"));
  EXPECT_THAT(server.received()[0].head, HasSubstr("POST /v1/chat/completions?api-version=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.received()[0].head, Not(HasSubstr("Authorization")));
  for (const char* bad : {"api key", "a:", "x\r\ny"})
    EXPECT_EQ(open(bad).error().kind, ErrorKind::usage) << bad;
  EndpointSettings tokens{server.url(), "m", Json::object(), quick()};
  tokens.parameters.completion_tokens = true;
  EXPECT_EQ(Endpoint::open(gemini_provider(), std::move(tokens), http::Secret()).error().kind,
            ErrorKind::usage);
}

TEST(Asking, CancelledQuestionsGetNoReply) {
  ScriptedServer server([](std::size_t, const Received& request) {
    return reply(200, chat(text_of_row(asked_row(request.body))));
  });
  EndpointAnswerer answerer(at(server, openai_provider()));
  for (chat::Key key = 0; key < 3; ++key) answerer.submit(key, MemoryLedger::question(key));
  answerer.cancel(1);
  std::set<chat::Key> came;
  while (answerer.pending() > 0) {
    for (const auto& [key, found] : answerer.poll(chat::milliseconds(100))) came.insert(key);
  }
  EXPECT_EQ(came, (std::set<chat::Key>{0, 2}));
}

TEST(Asking, UnauthorizedStopsAtOnce) {
  for (const int status : {401, 403}) {
    ScriptedServer server([&](std::size_t, const Received&) {
      return reply(status, fmt::format("{{\"error\":\"bad key {}\"}}", canary));
    });
    MemoryLedger ledger(100);
    StopFlag stop;
    const auto end = ask(server, anthropic_provider(), ledger, stop);
    ASSERT_TRUE(end);
    ASSERT_TRUE(end->stopped);
    EXPECT_EQ(end->stopped->kind, ErrorKind::unauthorized);
    EXPECT_THAT(end->stopped->message(), HasSubstr("[redacted]"));
    EXPECT_THAT(end->stopped->message(), Not(HasSubstr("canary")));
    EXPECT_LE(server.received().size(), 4);
    EXPECT_TRUE(ledger.found.empty());
    EXPECT_THAT(server.received()[0].head, HasSubstr("x-api-key: sk-canary-0123456789\r\n"));
    EXPECT_THAT(server.received()[0].head, HasSubstr("anthropic-version: 2023-06-01\r\n"));
  }
}

TEST(Asking, InterruptFinishesWhatIsUnderWay) {
  StopFlag stop;
  ScriptedServer server([&](std::size_t number, const Received& request) {
    if (number == 6) stop.request();
    return reply(200, chat(text_of_row(asked_row(request.body))));
  });
  MemoryLedger ledger(100);
  const auto end = ask(server, openai_provider(), ledger, stop);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->interrupted);
  EXPECT_EQ(ledger.found.size(), server.received().size());
  EXPECT_LT(ledger.found.size(), 20);
}

}  // namespace
}  // namespace holisafe::ask
