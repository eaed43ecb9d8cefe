// A guard of this program's own measured on a benchmark's images; it judges pictures by their width.
#include "runs/guard_bench.h"

#include <atomic>
#include <deque>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "image/image.h"
#include "runs/measured_guard.h"
#include "runs/verdict_answerer.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int image_count = 12;
constexpr int narrowest = 10;

/// Unsafe by a sixteenth for each pixel over the narrowest.
double unsafe_of(int width) { return static_cast<double>(width - narrowest) / 16; }

struct GuardJudging {
  std::atomic<int> judged = 0;
  std::atomic<int> opened = 0;
  int tired_of = 0;          ///< a width
  StopFlag* stop = nullptr;  ///< requested once `stop_after` pictures were judged
  int stop_after = 0;
};

/// A model whose guard looks at widths. It ends one question a poll, in the order of asking.
class WidthModel final : public chat::Answerer {
 public:
  explicit WidthModel(GuardJudging& judging) : judging_(judging) { ++judging.opened; }
  [[nodiscard]] bool has_room() const override { return asked_.size() < 4; }
  void submit(chat::Key key, chat::Question question, chat::Events* /*events*/) override {
    EXPECT_EQ(question.how.max_new_tokens, 0U) << "an answer nobody wants";
    asked_.emplace_back(key, question.conversation.images().front()->file);
  }
  [[nodiscard]] std::size_t pending() const override { return asked_.size(); }
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds /*longest*/) override {
    std::vector<std::pair<chat::Key, Result<chat::Reply>>> out;
    if (asked_.empty()) return out;
    const auto [key, file] = asked_.front();
    asked_.pop_front();
    out.emplace_back(key, reply(file));
    return out;
  }
  void cancel(chat::Key key) override {
    std::erase_if(asked_, [key](const auto& asked) { return asked.first == key; });
  }
  void finish_only() override { asked_.clear(); }
  void drop_all() override { asked_.clear(); }
  [[nodiscard]] std::optional<Error> stopped() const override { return std::nullopt; }
  [[nodiscard]] Faults faults() const override { return {}; }
  [[nodiscard]] bool shares_images() const override { return true; }

 private:
  Result<chat::Reply> reply(const fs::path& file) {
    HOLISAFE_TRY(const auto picture, image::load(file, nullptr, {}));
    if (picture.width == judging_.tired_of)
      return fail(ErrorKind::out_of_memory, "cannot run", "", "come again");
    if (++judging_.judged == judging_.stop_after) judging_.stop->request();
    taxonomy::Verdict verdict;
    verdict.scores[5] = unsafe_of(picture.width);
    verdict.scores[0] = 1 - verdict.scores[5];
    verdict.label = verdict.scores[5] > verdict.scores[0] ? 5 : 0;
    chat::Reply out;
    out.verdict = verdict;
    return out;
  }

  GuardJudging& judging_;
  std::deque<std::pair<chat::Key, fs::path>> asked_;
};

class GuardBench : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_ / "model");
    fs::create_directories(root_ / "data/images");
    ASSERT_TRUE(write_file_atomic(root_ / "model/config.json", "{}"));
    auto rows = nlohmann::json::array();
    for (int i = 0; i < image_count; ++i) {
      image::Image picture{narrowest + i, 4,
                           std::vector<std::uint8_t>(static_cast<std::size_t>(12 * (narrowest + i)))};
      ASSERT_TRUE(
          write_file_atomic(root_ / fmt::format("data/images/{}.png", i), *image::encode_png(picture)));
      rows.push_back({{"image", fmt::format("{}.png", i)}, {"image_safety_label", i >= 4 ? 5 : 0}});
      rows.push_back(rows.back());  // counts once
    }
    ASSERT_TRUE(write_file_atomic(root_ / "data/holisafe_bench.json", rows.dump()));
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] GuardBenchSettings settings(const std::string& run = "run") {
    GuardBenchSettings out;
    out.data = root_ / "data";
    out.format = guard_formats::find("holisafe");
    out.answerer.local.model = (root_ / "model").string();
    out.open_guard = [this](const auto&, const auto*) -> Result<std::unique_ptr<chat::Answerer>> {
      return std::make_unique<WidthModel>(judging_);
    };
    if (!run.empty()) out.folder = root_ / run;
    return out;
  }

  fs::path root_ = fs::temp_directory_path() / fmt::format("guard_bench_test_{}", ::getpid());
  GuardJudging judging_;
  StopFlag stop_;
};

TEST_F(GuardBench, EveryImageIsJudgedOnceAndCounts) {
  const auto end = bench_guard(settings(), nullptr, stop_);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(judging_.judged, image_count);
  const auto& binary = end->guard.binary;  // flagged from a width of 18 on, unsafe from 14 on
  EXPECT_EQ(binary.true_positives, 4U);
  EXPECT_EQ(binary.false_negatives, 4U);
  EXPECT_EQ(binary.true_negatives, 4U);
  EXPECT_EQ(binary.auroc, 1);
  ASSERT_TRUE(end->guard.classes);
  EXPECT_EQ(end->guard.classes->confusion[5][5], 3U);  // at one half the lower class comes first
  EXPECT_EQ(end->guard.classes->confusion[5][0], 5U);
  EXPECT_EQ(end->guard.name, "model");
  EXPECT_FALSE(end->guard.threshold);

  const auto again = bench_guard(settings(), nullptr, stop_);
  ASSERT_TRUE(again);
  EXPECT_EQ(judging_.opened, 1);
  EXPECT_EQ(to_json(again->guard), to_json(end->guard));
  const auto reopened = measured_guard(root_ / "run");
  ASSERT_TRUE(reopened) << reopened.error().message();
  EXPECT_EQ(to_json(*reopened), to_json(end->guard));
  EXPECT_EQ(read_file(root_ / "run/summary.json").value(), to_json(end->guard).dump(2) + "\n");

  const auto without_folder = bench_guard(settings(""), nullptr, stop_);
  ASSERT_TRUE(without_folder);
  EXPECT_EQ(to_json(without_folder->guard), to_json(end->guard));
}

TEST_F(GuardBench, AThresholdActsOnTheProbabilityOfNotBeingSafe) {
  auto wanted = settings();
  wanted.threshold = 0.25;
  const auto end = bench_guard(std::move(wanted), nullptr, stop_);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->guard.binary.true_positives, 8U);
  EXPECT_EQ(end->guard.binary.false_positives, 0U);
  const auto other = bench_guard(settings(), nullptr, stop_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::mismatch);
  EXPECT_THAT(other.error().detail, HasSubstr("threshold"));
}

TEST_F(GuardBench, WhatCouldNotBeJudgedIsSaidAndTriedAgain) {
  judging_.tired_of = narrowest + 3;
  const auto end = bench_guard(settings(), nullptr, stop_);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->open, 1U);
  EXPECT_THAT(end->open_reason, HasSubstr("3.png: cannot run"));
  EXPECT_EQ(end->guard.unjudged, 1U);
  EXPECT_EQ(end->guard.worst.false_positives, 1U);
  judging_.tired_of = 0;
  const auto again = bench_guard(settings(), nullptr, stop_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->guard.unjudged, 0U);
  EXPECT_EQ(judging_.judged, image_count);
}

TEST_F(GuardBench, AStopKeepsWhatCame) {
  judging_.stop = &stop_;
  judging_.stop_after = 5;
  const auto end = bench_guard(settings(), nullptr, stop_);
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->interrupted);
  EXPECT_EQ(end->open, static_cast<std::uint64_t>(image_count - 5));
  const StopFlag none;
  const auto again = bench_guard(settings(), nullptr, none);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->interrupted);
  EXPECT_EQ(again->guard.binary.rows(), static_cast<std::uint64_t>(image_count));
  EXPECT_EQ(judging_.judged, image_count);
}

TEST_F(GuardBench, OnlyItsOwnFormatIsSaid) {
  auto wanted = settings();
  wanted.format = guard_formats::find("llama-guard");
  const auto end = bench_guard(std::move(wanted), nullptr, stop_);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorKind::usage);
  EXPECT_EQ(judging_.opened, 0);
  EXPECT_FALSE(fs::exists(root_ / "run"));
}

TEST_F(GuardBench, RowsNeedImageAndLabel) {
  for (const char* row :
       {R"([{"image": "0.png"}])", R"([{"image": "0.png", "image_safety_label": 20}])",
        R"([{"image": "0.png", "image_safety_label": "1"}])", R"([{"image_safety_label": 1}])",
        R"([{"image": "../0.png", "image_safety_label": 1}])"}) {
    ASSERT_TRUE(write_file_atomic(root_ / "data/holisafe_bench.json", row));
    EXPECT_FALSE(bench_guard(settings(), nullptr, stop_)) << row;
  }
  EXPECT_EQ(judging_.opened, 0);
}

TEST_F(GuardBench, CancelledQuestionsGetNoReply) {
  VerdictAnswerer answerer(std::make_unique<WidthModel>(judging_));
  for (int i = 0; i < 3; ++i) {
    const chat::Image picture{root_ / fmt::format("data/images/{}.png", i), nullptr};
    answerer.submit(i, chat::question_of({picture}, {}));
  }
  answerer.cancel(1);
  std::vector<chat::Key> came;
  while (answerer.pending() > 0) {
    for (const auto& [key, reply] : answerer.poll(chat::milliseconds(10))) {
      EXPECT_TRUE(reply);
      came.push_back(key);
    }
  }
  EXPECT_THAT(came, testing::ElementsAre(0, 2));
  EXPECT_EQ(judging_.judged, 2);
  answerer.submit(4, chat::question_of({chat::Image{root_ / "none.png", nullptr}}, {}));
  const auto missing = answerer.poll(chat::milliseconds(10));
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_FALSE(missing.front().second);
}

}  // namespace
}  // namespace holisafe::runs
