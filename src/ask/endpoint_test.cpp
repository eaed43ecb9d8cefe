// Asking over real sockets: faults, stops, batches that fail in part, and keys that stay secret.
#include "ask/endpoint.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ask/ask.h"
#include "ask/endpoint_answerer.h"
#include "ask/memory_ledger.h"
#include "http/scripted_server.h"

namespace holisafe::ask {
namespace {

using http::Received;
using http::Reply;
using http::reply;
using http::ScriptedServer;
using testing::HasSubstr;
using testing::Not;

constexpr const char* canary = "sk-canary-0123456789";

http::ClientOptions quick() {
  http::ClientOptions out;
  out.concurrency = 4;
  out.backoff = http::milliseconds(2);
  out.longest_backoff = http::milliseconds(10);
  out.time_limit = http::milliseconds(5000);
  return out;
}

Endpoint at(const ScriptedServer& server, const Provider& provider) {
  return std::move(*Endpoint::open(provider, {server.url(), "m", Json::object(), quick()},
                                   *http::Secret::from_text(canary, "t")));
}

std::string chat(const std::string& text) {
  return Json{{"choices", Json::array({Json{{"message", {{"content", text}}}, {"finish_reason", "stop"}}})}}
      .dump();
}

/// The row a chat request asks about.
int asked_row(const std::string& body) {
  const auto place = body.find("row ");
  return std::stoi(body.substr(place + 4));
}

std::string text_of_row(int row) { return fmt::format("answer {}", row); }

const OnProgress unheard = [](const AskEnd&) {};

Result<AskEnd> ask(const ScriptedServer& server, const Provider& provider, Ledger& ledger,
                   const StopFlag& stop) {
  EndpointAnswerer answerer(at(server, provider));
  return ask_all(answerer, ledger, unheard, stop);
}

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

/// OpenAI's batch API in memory: rows come back in reverse; the first batch in which a row stands fails it
/// in one of several ways where the row's number is odd.
class FakeOpenAi {
 public:
  Reply operator()(std::size_t, const Received& request) {
    const std::lock_guard lock(mutex_);
    const std::string line = request.head.substr(0, request.head.find("\r\n"));
    if (hopeless) return reply(402, R"({"error":{"message":"Insufficient credits"}})");
    if (line.starts_with("POST /v1/files ")) {
      const auto from = request.body.find("application/jsonl\r\n\r\n") + 21;
      files_.push_back(request.body.substr(from, request.body.rfind("\r\n--") - from));
      return reply(200, fmt::format(R"({{"id":"file-{}"}})", files_.size() - 1));
    }
    if (line.starts_with("POST /v1/batches ")) {
      const Json body = Json::parse(request.body);
      EXPECT_EQ(body["endpoint"], "/v1/chat/completions");
      EXPECT_EQ(body["completion_window"], "24h");
      batches_.push_back(std::stoul(body["input_file_id"].get<std::string>().substr(5)));
      looks_.push_back(0);
      return reply(200, fmt::format(R"({{"id":"batch_{}","status":"validating"}})", batches_.size() - 1));
    }
    const auto number = [&](const std::string& mark) {
      return std::stoul(line.substr(line.find(mark) + mark.size()));
    };
    if (line.starts_with("GET /v1/batches/batch_")) return status(number("batch_"));
    if (line.starts_with("GET /v1/files/out_")) return reply(200, rows(number("out_"), true));
    if (line.starts_with("GET /v1/files/err_")) return reply(200, rows(number("err_"), false));
    return reply(404, "");
  }

  [[nodiscard]] std::vector<std::string> files() const { return files_; }
  int looks_needed = 2;
  bool forget = false;
  bool hopeless = false;
  bool no_max_tokens = false;

 private:
  Reply status(std::size_t batch) {
    if (forget || batch >= batches_.size()) return reply(404, R"({"error":{"message":"no such batch"}})");
    if (++looks_[batch] < looks_needed)
      return reply(200, fmt::format(R"({{"id":"batch_{}","status":"in_progress"}})", batch));
    return reply(200, fmt::format(R"({{"id":"batch_{0}","status":"{1}","output_file_id":"out_{0}",
        "error_file_id":"err_{0}"}})",
                                  batch, batch == 0 ? "expired" : "completed"));
  }

  std::string rows(std::size_t batch, bool good) {
    std::vector<std::string> out;
    std::istringstream lines(files_[batches_[batch]]);
    for (std::string line; std::getline(lines, line);) {
      const Json row = Json::parse(line);
      const int number = asked_row(row["body"].dump());
      if (no_max_tokens && row["body"].contains("max_tokens")) {
        if (good) continue;
        out.push_back(fmt::format(
            R"({{"custom_id":{},"response":{{"status_code":400,"body":{{"error":{{"param":"max_tokens"}}}}}}}})",
            row["custom_id"].dump()));
        continue;
      }
      const bool fails = number % 2 == 1 && batch < 2;
      if (fails == good) continue;
      const std::string id = row["custom_id"];
      if (good) {
        out.push_back(
            fmt::format(R"({{"custom_id":"{}","response":{{"status_code":200,"body":{}}},"error":null}})", id,
                        chat(text_of_row(number))));
      } else if (number % 4 == 1) {
        out.push_back(
            fmt::format(R"({{"custom_id":"{}","response":null,"error":{{"code":"batch_expired"}}}})", id));
      } else if (number == 3) {
        out.push_back(fmt::format(R"({{"custom_id":"{}","response":{{"status_code":400,"body":{{"error":
            {{"message":"bad {}"}}}}}}}})",
                                  id, canary));
        out.back().erase(std::remove(out.back().begin(), out.back().end(), '\n'), out.back().end());
      } else {
        out.push_back(R"({"custom_id":")" + id + R"(","respon)");  // cut short
      }
    }
    if (good) out.push_back(out.empty() ? "" : out.front());  // a row twice
    out.push_back(R"({"custom_id":"somebody-elses","response":null})");
    std::reverse(out.begin(), out.end());
    return fmt::format("{}\n", fmt::join(out, "\n"));
  }

  std::mutex mutex_;
  std::vector<std::string> files_;
  std::vector<std::size_t> batches_;
  std::vector<int> looks_;
};

BatchOptions quick_batches() {
  BatchOptions out;
  out.rows = 8;
  out.first_look = http::milliseconds(5);
  out.longest_wait = http::milliseconds(20);
  return out;
}

TEST(Batches, HalfFailedBatchAsksOnlyForWhatFailed) {
  FakeOpenAi fake;
  ScriptedServer server([&](std::size_t n, const Received& r) { return fake(n, r); });
  MemoryLedger ledger(13);
  StopFlag stop;
  Endpoint endpoint = at(server, openai_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(end->settled, 12);
  EXPECT_EQ(end->unsettled, 1);
  for (int row = 0; row < 13; ++row) {
    const auto& found = ledger.found.at(row);
    ASSERT_EQ(found.has_value(), row != 3) << row;
    if (found) {
      EXPECT_EQ(found->text, text_of_row(row));
    }
  }
  EXPECT_THAT(ledger.found.at(3).error().message(), HasSubstr("HTTP 400 bad [redacted]"));
  const auto files = fake.files();
  ASSERT_EQ(files.size(), 3);  // 8 and 5 rows, then those that failed and may be tried again
  EXPECT_EQ(std::count(files[0].begin(), files[0].end(), '\n'), 7);
  const std::string& again = files[2];
  for (int row = 0; row < 13; ++row) {
    const bool asked = again.find(fmt::format("\"row-{}\"", row)) != std::string::npos;
    EXPECT_EQ(asked, row % 2 == 1 && row != 3) << row;
  }
  EXPECT_TRUE(ledger.batches.empty());
}

TEST(Batches, OpenBatchesAreTakenUpNotHandedInAgain) {
  FakeOpenAi fake;
  fake.looks_needed = 1000;
  ScriptedServer server([&](std::size_t n, const Received& r) { return fake(n, r); });
  MemoryLedger ledger(13);
  {
    StopFlag stop;
    Endpoint endpoint = at(server, openai_provider());
    const auto waiting = [&](const AskEnd&) {};
    std::jthread interrupter([&] {
      while (ledger.batches_added < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      stop.request();
    });
    const auto end = ask_in_batches(endpoint, ledger, quick_batches(), waiting, stop);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->interrupted);
    EXPECT_EQ(ledger.batches.size(), 2);
  }
  fake.looks_needed = 1;
  StopFlag stop;
  Endpoint endpoint = at(server, openai_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled, 12);
  EXPECT_EQ(fake.files().size(), 3);
}

TEST(Batches, BatchThatIsGoneIsAskedAnew) {
  FakeOpenAi fake;
  ScriptedServer server([&](std::size_t n, const Received& r) { return fake(n, r); });
  MemoryLedger ledger(4);
  ledger.batches = {{"batch_77", {0, 1, 2}}};
  StopFlag stop;
  Endpoint endpoint = at(server, openai_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled + end->unsettled, 4);
  EXPECT_EQ(end->unsettled, 1);  // row 3
}

TEST(Batches, ParametersThatAModelDoesNotTakeChangeInTheNextRound) {
  FakeOpenAi fake;
  fake.no_max_tokens = true;
  ScriptedServer server([&](std::size_t n, const Received& r) { return fake(n, r); });
  MemoryLedger ledger(12);
  StopFlag stop;
  Endpoint endpoint = at(server, openai_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->settled, 12);
  EXPECT_TRUE(endpoint.parameters().completion_tokens);
  EXPECT_EQ(fake.files().size(), 4);  // 8 and 4 rows, and again
}

TEST(Batches, HopelessAskingStops) {
  FakeOpenAi fake;
  fake.hopeless = true;
  ScriptedServer server([&](std::size_t n, const Received& r) { return fake(n, r); });
  MemoryLedger ledger(60);
  StopFlag stop;
  Endpoint endpoint = at(server, openai_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->stopped);
  EXPECT_THAT(end->stopped->message(), HasSubstr("Insufficient credits"));
  EXPECT_EQ(server.received().size(), 1);
  EXPECT_TRUE(ledger.found.empty());
}

TEST(Batches, UnauthorizedStopsAtOnce) {
  ScriptedServer server([](std::size_t, const Received&) { return reply(401, canary); });
  for (const Provider* provider : providers()) {
    MemoryLedger ledger(40);
    StopFlag stop;
    Endpoint endpoint = at(server, *provider);
    const auto before = server.received().size();
    const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
    ASSERT_TRUE(end);
    ASSERT_TRUE(end->stopped);
    EXPECT_EQ(end->stopped->kind, ErrorKind::unauthorized);
    EXPECT_EQ(server.received().size(), before + 1);
    EXPECT_TRUE(ledger.found.empty());
  }
}

TEST(Batches, GeminiSendsTheKeyToItsOwnHostOnly) {
  ScriptedServer other([](std::size_t, const Received&) { return reply(200, "{}"); });
  ScriptedServer server([&](std::size_t, const Received&) {
    return reply(200, "{}", "X-Goog-Upload-URL: " + other.url() + "/upload\r\n");
  });
  MemoryLedger ledger(2);
  StopFlag stop;
  Endpoint endpoint = at(server, gemini_provider());
  const auto end = ask_in_batches(endpoint, ledger, quick_batches(), unheard, stop);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->unsettled, 2);
  EXPECT_THAT(ledger.found.at(0).error().message(), HasSubstr("names another host"));
  EXPECT_TRUE(other.received().empty());
}

}  // namespace
}  // namespace holisafe::ask
