#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "http/scripted_server.h"
#include "runs/add_samples.h"
#include "runs/answer_ledger.h"
#include "runs/answerers.h"
#include "runs/rule_judge.h"
#include "runs/run_part.h"
#include "runs/run_report.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string gif = "GIF89a and whatever follows\x01\xff";

TEST(Part, ShardsCountFromZeroOrOne) {
  EXPECT_EQ(parse_shard("0/3")->shard, 0);
  EXPECT_EQ(parse_shard("3/3")->shard, 0);
  EXPECT_EQ(parse_shard("2/3")->shard, 2);
  EXPECT_EQ(parse_shard("2/3")->shards, 3);
  for (const auto* text : {"", "/", "1", "4/3", "-1/3", "1/0", "a/b", "1/3x", "1/3/5", " 1/3"})
    EXPECT_EQ(parse_shard(text).error().kind, ErrorKind::usage) << text;
}

class Runs : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "images");
    for (int i = 0; i < 5; ++i) std::ofstream(folder_ / "images" / std::to_string(i)) << gif << i;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] store::RunStore make_store(const std::string& name, int rows) const {
    std::ofstream file(folder_ / "bench.json");
    const char* types[] = {"SSS", "SSU", "USU", "SUU", "UUU"};
    for (int i = 0; i < rows; ++i) {
      file << (i == 0 ? "[" : ",") << R"({"id": )" << i << R"(, "image": ")" << i % 5 << R"(", "query": "q)"
           << i << R"(", "type": ")" << types[i % 5]
           << R"(", "category": "hate", "subcategory": "race", "image_safe": true, "image_safety_label": 0})";
    }
    file << "]";
    file.close();
    auto store = store::RunStore::open(folder_ / name, store::Access::write);
    EXPECT_TRUE(store->require_same("run", {{"model", "m"}, {"shard", "0/1"}}));
    const auto data = benchmarks::find("holisafe")->open({folder_ / "bench.json"});
    EXPECT_TRUE(add_samples(*store, **data, 1, {}));
    return *std::move(store);
  }

  [[nodiscard]] Result<ask::AskEnd> ask(store::RunStore& store, const std::string& url,
                                        std::size_t concurrency, const StopFlag& stop) const {
    AnswererSettings settings;
    settings.provider = &ask::openai_provider();
    settings.url = url;
    settings.api_model = "m";
    settings.client.concurrency = concurrency;
    settings.client.max_retries = 40;
    settings.client.backoff = chat::milliseconds(1);
    settings.client.longest_backoff = chat::milliseconds(5);
    EXPECT_TRUE(store.put_value("images", (folder_ / "images").string()));
    auto asker = *endpoint_answerer.open(std::move(settings), stop);
    const auto ledger = *AnswerLedger::open(store, {}, asker.shares_images());
    return asker.ask(
        *ledger, [](const ask::AskEnd&) {}, stop);
  }

  static std::string completion(const std::string& body) {
    const auto json = nlohmann::json::parse(body);
    const std::string query = json["messages"][0]["content"][1]["text"];
    return nlohmann::json{
        {"choices", {{{"message", {{"content", "answer to " + query}}}, {"finish_reason", "stop"}}}}}
        .dump();
  }

  fs::path folder_ = fs::temp_directory_path() / ("holisafe_bench_" + std::to_string(::getpid()));
};

TEST_F(Runs, EndToEndUnderFaultsWithReadersBeside) {
  std::mutex mutex;
  std::mt19937 random(3);
  http::ScriptedServer server([&](std::size_t, const http::Received& request) -> http::Reply {
    const std::lock_guard lock(mutex);
    switch (random() % 6) {
      case 0:
        return http::reply(429, "");
      case 1:
        return {"", 0, true};
      case 2:
        return http::reply(200, "{");
      default:
        return http::reply(200, completion(request.body));
    }
  });
  auto store = make_store("run", 60);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const auto other = store::RunStore::open(folder_ / "run", store::Access::read);
      ASSERT_TRUE(other) << other.error().message();
      EXPECT_EQ(other->counts()->samples, 60);
    }
  });
  const StopFlag stop;
  const auto end = ask(store, server.url(), 7, stop);
  done = true;
  reader.join();
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(store.counts()->answered, 60);
  EXPECT_EQ(end->settled, 60);
  EXPECT_FALSE(end->interrupted);
  EXPECT_GT(end->faults.total(), 0);
  ASSERT_TRUE(judge_by_rule(store, benchmarks::find("holisafe")->rules.front()));
  ASSERT_TRUE(write_predictions(store));
  ASSERT_TRUE(write_summary_and_report(store, "test"));
  const auto rows = nlohmann::json::parse(*read_file(folder_ / "run" / predictions_name));
  ASSERT_EQ(rows.size(), 60);
  for (std::size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(rows[i]["prediction"], "answer to q" + std::to_string(i));
  EXPECT_EQ(*prediction_sha256({"", {&store}}), hex(*sha256_file(folder_ / "run" / predictions_name)));
}

TEST_F(Runs, ARefusedKeyStopsTheRunAndKeepsWhatCame) {
  http::ScriptedServer server([&](std::size_t number, const http::Received& request) {
    return number < 5 ? http::reply(200, completion(request.body)) : http::reply(401, "who?");
  });
  auto store = make_store("run", 20);
  const auto end = ask(store, server.url(), 1, StopFlag());
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->stopped);
  EXPECT_EQ(end->stopped->kind, ErrorKind::unauthorized);
  EXPECT_EQ(store.counts()->answered, 5);
  EXPECT_EQ(server.received().size(), 6);
}

}  // namespace
}  // namespace holisafe::runs
