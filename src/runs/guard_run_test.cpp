// Guard runs over files whose judge is arithmetic on their bytes.
#include "runs/guard_run.h"

#include <atomic>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

taxonomy::Verdict verdict_of(float unsafe) {
  taxonomy::Verdict out;
  out.scores[0] = 1 - static_cast<double>(unsafe);
  out.scores[5] = static_cast<double>(unsafe);
  out.label = unsafe > 0.5F ? 5 : 0;
  return out;
}

/// What a text says of itself: "0.3 anything" is unsafe by 0.3, "broken" no picture, "tired" a passing fault.
class TextJudge final : public verdicts::PictureJudge {
 public:
  explicit TextJudge(std::atomic<int>& judged) : judged_(judged) {}
  [[nodiscard]] verdicts::JudgeFacts facts() const override {
    return {"base", "text", "text", "projector", 2, {}};
  }
  void push(chat::Image picture) override { pictures_.push_back(std::move(picture)); }
  [[nodiscard]] std::size_t waiting() const override { return pictures_.size(); }
  std::optional<verdicts::JudgedPicture> next(const StopFlag& stop) override {
    if (stop.requested()) return std::nullopt;
    const chat::Image picture = std::move(pictures_.front());
    pictures_.pop_front();
    return judged(picture.file.string(), *picture.bytes);
  }

 private:
  verdicts::JudgedPicture judged(const std::string& name, const std::string& text) {
    if (text == "broken")
      return {name, fail(ErrorKind::malformed, "cannot read image", name + ": byte 0", "no"), 0, 0, {}};
    if (text == "tired")
      return {name, fail(ErrorKind::out_of_memory, "cannot run", name, "come again"), 0, 0, {}};
    ++judged_;
    const float unsafe = std::stof(text);
    return {name, verdict_of(unsafe), 4, 3, {unsafe, 1}};
  }

  std::atomic<int>& judged_;
  std::deque<chat::Image> pictures_;
};

/// Another guard: it is twice as easily alarmed.
class TwiceJudge final : public verdicts::VectorJudge {
 public:
  [[nodiscard]] std::vector<double> thresholds() const override { return {}; }
  [[nodiscard]] Result<void> check_fits(const verdicts::JudgeFacts& run) const override {
    if (run.base == "base") return {};
    return fail(ErrorKind::mismatch, "another base", run.base);
  }
  [[nodiscard]] std::vector<Result<taxonomy::Verdict>> judge(std::span<const float> vectors) const override {
    std::vector<Result<taxonomy::Verdict>> out;
    for (std::size_t i = 0; i < vectors.size(); i += 2) out.emplace_back(verdict_of(2 * vectors[i]));
    return out;
  }
};

class GuardRun : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_ / "model");
    fs::create_directories(root_ / "tree");
    write("model/config.json", "{}");
    write("guard.safetensors", "g");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, std::string_view text) const {
    ASSERT_TRUE(write_file_atomic(root_ / name, text));
  }
  [[nodiscard]] fs::path file(const std::string& name) const { return root_ / "tree" / name; }

  [[nodiscard]] GuardRunSettings settings(const std::string& run = "run") {
    GuardRunSettings out;
    out.folder = root_ / run;
    out.model.model = (root_ / "model").string();
    out.trees = {(root_ / "tree").string()};
    out.source = [tree = std::make_shared<image::PictureTree>((root_ / "tree").string())] {
      return tree->next();
    };
    out.open_judge = [this]() -> Result<std::unique_ptr<verdicts::PictureJudge>> {
      ++opened_;
      return std::make_unique<TextJudge>(judged_);
    };
    return out;
  }

  Result<GuardRunEnd> run(GuardRunSettings settings) {
    GuardSummary so_far;
    const StopFlag stop;
    return run_guard(std::move(settings), so_far, nullptr, stop);
  }

  [[nodiscard]] std::string text(const std::string& name, const std::string& run = "run") const {
    return read_file(root_ / run / name).value();
  }
  /// Lines by the name of their file.
  [[nodiscard]] std::map<std::string, nlohmann::json> lines(const std::string& run = "run") const {
    std::map<std::string, nlohmann::json> out;
    std::istringstream all(text("verdicts.jsonl", run));
    for (std::string line; std::getline(all, line);) {
      auto json = nlohmann::json::parse(line);
      const std::string name = fs::path(json.at("path").get<std::string>()).filename().string();
      out[name] = std::move(json);
    }
    return out;
  }

  fs::path root_ = fs::temp_directory_path() / fmt::format("guard_run_test_{}", ::getpid());
  std::atomic<int> judged_ = 0;
  int opened_ = 0;
};

TEST_F(GuardRun, EachPathHasItsLineAndEachContentIsJudgedOnce) {
  write("tree/b.png", "0.25 one");
  write("tree/a.png", "0.75 two");
  write("tree/c.png", "0.75 two");
  write("tree/d.png", "broken");
  write("tree/e.png", "broken");
  const auto end = run(settings());
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(judged_, 2);
  EXPECT_EQ(end->summary.images, 5);
  EXPECT_EQ(end->summary.flagged, 2);
  EXPECT_EQ(end->summary.errors, 2);
  EXPECT_EQ(end->summary.duplicates, 2);
  const auto found = lines();
  ASSERT_EQ(found.size(), 5);
  EXPECT_EQ(found.at("a.png").at("sha256"), hex(sha256("0.75 two")));
  EXPECT_EQ(found.at("a.png").at("unsafe"), 0.75);
  EXPECT_EQ(found.at("a.png").at("harm").at("label"), 5);
  EXPECT_EQ(found.at("a.png").at("width"), 4);
  EXPECT_EQ(found.at("a.png").at("height"), 3);
  EXPECT_FALSE(found.at("b.png").contains("harm"));
  // The same fault under either name.
  for (const auto* name : {"d.png", "e.png"}) {
    EXPECT_EQ(found.at(name).at("error").at("message"),
              fmt::format("cannot read image: {}: byte 0: no", file(name).string()));
  }
  const auto summary = nlohmann::json::parse(text("summary.json"));
  EXPECT_EQ(summary.at("error_kinds"), nlohmann::json({{"malformed", 2}}));
  EXPECT_EQ(summary.at("subcategories").at("disability_discrimination").at("flagged"), 2);
}

TEST_F(GuardRun, TheSameCommandJudgesNothingAgain) {
  for (int i = 0; i < 30; ++i) write(fmt::format("tree/{:02}.png", i), fmt::format("0.{:02} x", i));
  ASSERT_TRUE(run(settings()));
  const std::string before = text("verdicts.jsonl");
  auto again = settings();
  again.threshold.unsafe = 0.1;
  const auto end = run(again);
  ASSERT_TRUE(end);
  EXPECT_EQ(opened_, 1) << "stored scores need no model";
  EXPECT_EQ(judged_, 30);
  EXPECT_EQ(end->summary.flagged, 20);
  EXPECT_NE(text("verdicts.jsonl"), before);
  ASSERT_TRUE(run(settings()));
  EXPECT_EQ(text("verdicts.jsonl"), before);
}

TEST_F(GuardRun, ChangedFilesAreJudgedAgainAndGoneOnesKeepTheirLine) {
  write("tree/a.png", "0.25");
  write("tree/b.png", "0.75");
  write("tree/c.png", "0.5");
  ASSERT_TRUE(run(settings()));
  write("tree/a.png", "0.125 other");
  fs::last_write_time(file("b.png"), fs::file_time_type::clock::now() + std::chrono::hours(1));
  fs::remove(file("c.png"));
  const auto end = run(settings());
  ASSERT_TRUE(end);
  EXPECT_EQ(judged_, 4) << "a file that was touched alone holds what is known";
  const auto found = lines();
  EXPECT_EQ(found.at("a.png").at("unsafe"), 0.125);
  EXPECT_EQ(found.at("b.png").at("unsafe"), 0.75);
  EXPECT_FALSE(found.at("b.png").contains("gone"));
  EXPECT_EQ(found.at("c.png").at("gone"), true);
  EXPECT_EQ(found.at("c.png").at("unsafe"), 0.5);
  EXPECT_EQ(end->summary.images, 2);
  EXPECT_EQ(end->summary.gone, 1);
  write("tree/c.png", "0.5");
  ASSERT_TRUE(run(settings()));
  EXPECT_EQ(judged_, 4);
  EXPECT_FALSE(lines().at("c.png").contains("gone"));
}

TEST_F(GuardRun, FaultsThatMayPassAreTriedAgain) {
  write("tree/a.png", "tired");
  auto end = run(settings());
  ASSERT_TRUE(end);
  EXPECT_EQ(end->summary.errors, 1);
  write("tree/a.png", "0.25");
  end = run(settings());
  ASSERT_TRUE(end);
  EXPECT_EQ(end->summary.errors, 0);
  fs::remove_all(root_ / "tree");
  fs::create_directories(root_ / "tree");
  end = run(settings());
  ASSERT_TRUE(end);
  EXPECT_EQ(end->summary.errors, 1) << "an empty folder is an error";
  EXPECT_EQ(end->summary.gone, 1);
}

TEST_F(GuardRun, StoppedAnywhereItEndsTheSame) {
  for (int i = 0; i < 60; ++i) write(fmt::format("tree/{:02}.png", i), fmt::format("0.{:02}", i % 40));
  ASSERT_TRUE(run(settings("whole")));
  const int once = judged_;
  EXPECT_EQ(once, 40);
  judged_ = 0;
  int rounds = 0;
  for (bool over = false; !over; ++rounds) {
    StopFlag stop;
    auto stopped = settings();
    const auto judged = judged_.load();
    stopped.open_judge = [&]() -> Result<std::unique_ptr<verdicts::PictureJudge>> {
      return std::make_unique<TextJudge>(judged_);
    };
    struct Stopper final : Progress {
      Stopper(StopFlag& flag, const std::atomic<int>& count, int until)
          : flag_(flag), count_(count), until_(until) {}
      void update(std::uint64_t, std::uint64_t, const std::string&) override {
        if (count_ >= until_) flag_.request();
      }
      StopFlag& flag_;
      const std::atomic<int>& count_;
      int until_;
    } stopper(stop, judged_, judged + 7);
    GuardSummary so_far;
    const auto end = run_guard(std::move(stopped), so_far, &stopper, stop);
    ASSERT_TRUE(end) << end.error().message();
    over = !end->interrupted;
  }
  EXPECT_GT(rounds, 4);
  EXPECT_EQ(judged_, once);
  EXPECT_EQ(text("verdicts.jsonl"), text("verdicts.jsonl", "whole"));
}

TEST_F(GuardRun, ARunOfSomethingElseIsRefused) {
  write("tree/a.png", "0.25");
  ASSERT_TRUE(run(settings()));
  const auto refused = [&](GuardRunSettings other, const std::string& name) {
    const auto end = run(std::move(other));
    ASSERT_FALSE(end) << name;
    EXPECT_EQ(end.error().kind, ErrorKind::mismatch);
    EXPECT_THAT(end.error().message(), HasSubstr(name + ": expected "));
  };
  auto other = settings();
  other.model.guard = (root_ / "guard.safetensors").string();
  refused(std::move(other), "guard");
  other = settings();
  other.model.dtype = "bfloat16";
  refused(std::move(other), "dtype");
  other = settings();
  other.decode.alpha = image::Alpha::drop;
  refused(std::move(other), "alpha");
  other = settings();
  other.decode.limits.width = 10;
  refused(std::move(other), "max-width");
  other = settings();
  other.pooled = true;
  refused(std::move(other), "pooled");
  write("model/config.json", "{\"a\": 1}");
  refused(settings(), "checkpoint");
}

TEST_F(GuardRun, OneWritesAtATimeAndABenchmarksFolderIsNone) {
  write("tree/a.png", "0.25");
  {
    const auto held = verdicts::GuardStore::open(root_ / "run", store::Access::write);
    ASSERT_TRUE(held);
    const auto second = run(settings());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message(), HasSubstr("run in use"));
  }
  fs::create_directories(root_ / "bench");
  write("bench/run.db", "");
  const auto end = run(settings("bench"));
  ASSERT_FALSE(end);
  EXPECT_THAT(end.error().message(), HasSubstr("found a benchmark's"));
  const auto bench = store::RunStore::open(root_ / "run", store::Access::write);
  ASSERT_FALSE(bench);
  EXPECT_THAT(bench.error().message(), HasSubstr("found a guard's"));
}

TEST_F(GuardRun, AnotherGuardJudgesKeptVectors) {
  write("tree/a.png", "0.125");
  write("tree/b.png", "0.375");
  write("tree/c.png", "0.375");
  write("tree/d.png", "broken");
  auto first = settings();
  first.pooled = true;
  ASSERT_TRUE(run(std::move(first)));
  ASSERT_TRUE(run(settings())) << "vectors are kept on without the flag";
  GuardFromSettings from;
  from.from = root_ / "run";
  from.folder = root_ / "run2";
  from.guard = (root_ / "guard.safetensors").string();
  from.open_judge = []() -> Result<std::unique_ptr<verdicts::VectorJudge>> {
    return std::make_unique<TwiceJudge>();
  };
  const StopFlag stop;
  const auto end = run_guard_from(from, nullptr, stop);
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(end->summary.flagged, 2);
  const auto found = lines("run2");
  EXPECT_EQ(found.at("a.png").at("unsafe"), 0.25);
  EXPECT_EQ(found.at("b.png").at("unsafe"), 0.75);
  EXPECT_EQ(found.at("d.png").at("error"), lines().at("d.png").at("error"));
  // What judged anew with that guard would go on.
  auto anew = settings("run2");
  anew.model.guard = from.guard;
  ASSERT_TRUE(run(std::move(anew)));
  EXPECT_EQ(judged_, 2);
  from.from = root_ / "plain";
  ASSERT_TRUE(run(settings("plain")));
  from.folder = root_ / "run3";
  const auto none = run_guard_from(from, nullptr, stop);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("--pooled"));
  from.folder = from.from;
  EXPECT_EQ(run_guard_from(from, nullptr, stop).error().kind, ErrorKind::usage);
}

TEST_F(GuardRun, TheStoreTellsWhatOthersNeed) {
  write("tree/a.png", "0.25");
  write("tree/b.png", "0.75");
  write("tree/\xff.png", "0.75");
  ASSERT_TRUE(run(settings()));
  const auto store = verdicts::GuardStore::open(root_ / "run", store::Access::read).value();
  EXPECT_THAT(store.trees().value(), ElementsAre((root_ / "tree").string()));
  EXPECT_EQ(store.start().value(), fs::current_path().string());
  EXPECT_EQ(store.facts().value()->base, "base");
  auto cursor = store.contents().value();
  std::vector<std::string> sums;
  verdicts::Content content;
  while (cursor.next(content).value()) {
    sums.push_back(hex(content.sha256));
    EXPECT_EQ(content.paths, content.verdict->unsafe() > 0.5 ? 2 : 1);
  }
  EXPECT_EQ(sums.size(), 2);
  EXPECT_TRUE(std::is_sorted(sums.begin(), sums.end()));
  const auto found = lines();
  const std::string foreign = file("\xff.png").string();
  EXPECT_EQ(found.at("\\xff.png").at("path_bytes"), base64(std::as_bytes(std::span(foreign))));
}

}  // namespace
}  // namespace holisafe::runs
