// Asking in batches over real sockets: batches that fail in part, are taken up again, or are gone.
#include <algorithm>
#include <mutex>
#include <sstream>

#include <gmock/gmock.h>

#include "ask/asked_server.h"

namespace holisafe::ask {
namespace {

using http::Received;
using http::Reply;
using http::reply;
using http::ScriptedServer;
using testing::HasSubstr;

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
