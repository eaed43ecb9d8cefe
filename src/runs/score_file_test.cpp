#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "http/scripted_server.h"
#include "runs/add_samples.h"
#include "runs/answer_run.h"
#include "runs/chat_format.h"
#include "runs/fingerprint.h"
#include "runs/rule_judge.h"
#include "runs/run_part.h"
#include "runs/run_report.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string gif = "GIF89a and whatever follows\x01\xff";

TEST(ChatFormat, RequestHoldsQueryAndImageUnchanged) {
  const std::string query = " What \"is\"\n\xc3\xa9 <image>\t";
  const auto body = chat_request("m", {"be kind", 7}, query, gif);
  ASSERT_TRUE(body);
  const auto json = nlohmann::json::parse(*body);
  EXPECT_EQ(json["model"], "m");
  EXPECT_EQ(json["max_tokens"], 7);
  EXPECT_EQ(json["temperature"], 0);
  EXPECT_EQ(json["stream"], false);
  EXPECT_EQ(json["messages"][0]["content"], "be kind");
  const auto& content = json["messages"][1]["content"];
  const std::string data = base64(std::as_bytes(std::span(gif)));
  EXPECT_EQ(content[0]["image_url"]["url"], "data:image/gif;base64," + data);
  EXPECT_EQ(content[1]["text"], query);
  EXPECT_EQ(content.size(), 2);
  EXPECT_EQ(chat_request("m", {}, "q", "BM no").error().kind, ErrorKind::unsupported);
}

TEST(ChatFormat, AnswersAndWhatIsNone) {
  const auto answer = chat_answer(R"({"choices":[{"message":{"content":" a\n"},"finish_reason":"length"}]})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, " a\n");
  EXPECT_EQ(answer->finish_reason, "length");
  EXPECT_EQ(answer->state, store::AnswerState::answered);
  EXPECT_EQ(chat_answer(R"({"choices":[{"message":{"content":""}}]})")->state, store::AnswerState::answered);
  EXPECT_EQ(
      chat_answer(R"({"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]})")
          ->text,
      "No.");
  EXPECT_EQ(chat_answer(R"({"choices":[{"message":{},"finish_reason":"content_filter"}]})")->state,
            store::AnswerState::filtered);
  for (const auto* text :
       {"", "{", "[]", "3", "null", R"({"choices":{}})", R"({"choices":[]})", R"({"choices":[3]})",
        R"({"choices":[{}]})", R"({"choices":[{"message":{"content":null}}]})",
        R"({"choices":[{"message":{"content":[1]}}]})",
        "{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}",
        R"({"choices":[{"message":{"content":"\ud800"}}]})"}) {
    ASSERT_FALSE(chat_answer(text)) << text;
    EXPECT_EQ(chat_answer(text).error().kind, ErrorKind::malformed);
  }
}

TEST(ChatFormat, ContentFilterCodes) {
  EXPECT_EQ(content_filter_code(R"({"error":{"code":"content_filter"}})"), "content_filter");
  EXPECT_TRUE(content_filter_code(R"({"error":{"code":null,"type":"content_policy_violation"}})"));
  EXPECT_TRUE(content_filter_code(
      R"({"error":{"code":"400","innererror":{"code":"ResponsibleAIPolicyViolation"}}})"));
  for (const auto* text :
       {"", "{}", R"({"error":"content_filter"})", R"({"error":{"code":"bad_request"}})", "[1]"})
    EXPECT_FALSE(content_filter_code(text)) << text;
}

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
    const auto data = benchmarks::find("holisafe")->open(folder_ / "bench.json");
    EXPECT_TRUE(add_samples(*store, **data, 1, {}));
    return *std::move(store);
  }

  [[nodiscard]] std::unique_ptr<Responder> responder(const std::string& url, std::size_t concurrency) const {
    ResponderSettings settings;
    settings.endpoint = url;
    settings.api_model = "m";
    settings.images = folder_ / "images";
    settings.client.concurrency = concurrency;
    settings.client.max_retries = 40;
    settings.client.backoff = milliseconds(1);
    settings.client.longest_backoff = milliseconds(5);
    return *endpoint_responder.open(std::move(settings));
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
  const auto asked = responder(server.url(), 7);
  const StopFlag stop;
  const auto end = answer_run(store, *asked, nullptr, stop);
  done = true;
  reader.join();
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(end->counts.answered, 60);
  EXPECT_FALSE(end->interrupted);
  EXPECT_GT(end->faults.total(), 0);
  ASSERT_TRUE(judge_by_rule(store));
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
  const auto asked = responder(server.url(), 1);
  const auto end = answer_run(store, *asked, nullptr, StopFlag());
  ASSERT_TRUE(end);
  ASSERT_TRUE(end->stopped);
  EXPECT_EQ(end->stopped->kind, ErrorKind::unauthorized);
  EXPECT_EQ(end->counts.answered, 5);
  EXPECT_EQ(server.received().size(), 6);
}

TEST_F(Runs, FingerprintsTellContentsNotPlaces) {
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  };
  std::string large(std::size_t{20} << 20U, 'x');
  write("a/config.json", "{}");
  write("a/model.safetensors", large);
  fs::copy(folder_ / "a", folder_ / "b");
  const auto first = *fingerprint(folder_ / "a");
  EXPECT_EQ(*fingerprint(folder_ / "b"), first);
  std::fill(large.begin() + 5'000'000, large.begin() + 5'100'000, 'y');
  write("b/model.safetensors", large);
  EXPECT_NE(*fingerprint(folder_ / "b"), first);
  write("a/empty.txt", "");
  EXPECT_NE(*fingerprint(folder_ / "a"), first);
  EXPECT_EQ(fingerprint(folder_ / "none").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace holisafe::runs
