#include "engine/file_verdicts.h"

#include <atomic>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/tiny_models.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<EngineJudge> judge_over(Engine engine, std::size_t batch_size = 1, int threads = 2) {
  auto judge = EngineJudge::make(std::move(engine), {{}, threads, batch_size}, "model");
  EXPECT_TRUE(judge) << judge.error().message();
  return *std::move(judge);
}

class FileVerdicts : public TinyModels {
 protected:
  /// `count` files, all of one content: every fifth does not exist, every seventh comes with an error; says
  /// how many were drawn.
  static PictureFiles files(std::uint64_t count, std::atomic<std::uint64_t>& drawn) {
    fs::create_directories(root());
    EXPECT_TRUE(write_file_atomic(root() / "one.png", *picture_file(3).bytes));
    return [count, &drawn]() -> std::optional<PictureFile> {
      const std::uint64_t i = drawn;
      if (i == count) return std::nullopt;
      ++drawn;
      if (i % 7 == 3) return PictureFile{std::to_string(i), Error{ErrorKind::usage, "seventh", "", ""}};
      const auto link = root() / std::to_string(i);
      if (i % 5 != 2 && !fs::exists(link)) fs::create_symlink(root() / "one.png", link);
      return PictureFile{link.string(), std::nullopt};
    };
  }
};

struct LastProgress final : Progress {
  void update(std::uint64_t so_far, std::uint64_t of, const std::string&) override {
    done = so_far;
    total = of;
  }
  std::uint64_t done = 0, total = 0;
};

TEST_P(FileVerdicts, ComeInOrderEachWithItsVerdictOrError) {
  for (const std::size_t batch_size : {1U, 4U}) {
    const auto judge = judge_over(open(), batch_size, static_cast<int>(batch_size));
    std::atomic<std::uint64_t> drawn{0};
    std::uint64_t i = 0;
    std::vector<taxonomy::Verdict> verdicts;
    LastProgress progress;
    const StopFlag stop;
    verdicts_of_files(
        *judge, files(60, drawn), nullptr,
        [&](const verdicts::JudgedPicture& judged) {
          EXPECT_LE(drawn, i + 1 + 3 * batch_size + 6) << "so many are under way and ahead at most";
          EXPECT_EQ(fs::path(judged.name).filename(), std::to_string(i));
          if (i % 7 == 3) {
            EXPECT_EQ(judged.verdict.error().kind, ErrorKind::usage);
          } else if (i % 5 == 2) {
            EXPECT_EQ(judged.verdict.error().kind, ErrorKind::not_found);
            EXPECT_THAT(judged.verdict.error().where, testing::StartsWith(judged.name));
          } else {
            ASSERT_TRUE(judged.verdict) << judged.verdict.error().message();
            verdicts.push_back(*judged.verdict);
          }
          ++i;
        },
        &progress, stop);
    EXPECT_EQ(i, 60U);
    EXPECT_EQ(progress.done, 60U);
    EXPECT_EQ(progress.total, 60U);
    EXPECT_EQ(verdicts.size(), 41U) << "each file has its own, though all hold the same picture";
    for (const auto& verdict : verdicts) EXPECT_EQ(verdict.scores, verdicts.front().scores);
  }
}

TEST_P(FileVerdicts, EndWhenAsked) {
  const auto judge = judge_over(open());
  std::atomic<std::uint64_t> drawn{0};
  StopFlag stop;
  std::uint64_t heard = 0;
  verdicts_of_files(
      *judge, files(100'000, drawn), nullptr,
      [&](const verdicts::JudgedPicture&) {
        if (++heard == 3) stop.request();
      },
      nullptr, stop);
  EXPECT_EQ(heard, 3U);
  EXPECT_LE(drawn, 3U + 10U);
}

/// The same bits alone and among others, and what a run keeps beside them.
TEST_P(FileVerdicts, OfAJudgeAreThePicturesOwn) {
  const StopFlag stop;
  for (const auto pooling : {models::GuardPooling::last_hidden, models::GuardPooling::projector}) {
    OpenOptions options;
    options.guard = plug_in(open(), pooling);
    const auto alone = judge_over(open(options));
    const auto among = judge_over(open(options), 3, 4);
    const auto kept = GuardJudge::open(options.guard).value();
    ASSERT_TRUE(kept->check_fits(among->facts()));
    std::vector<chat::Image> pictures;
    for (int i = 0; i < 8; ++i)
      pictures.push_back(picture_file(static_cast<std::uint64_t>(i % 5), 30 + 5 * i, 48));
    for (const auto& picture : pictures) among->push(picture);
    EXPECT_EQ(among->waiting(), pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      alone->push(pictures[i]);
      const auto expected = alone->next(stop).value();
      const auto found = among->next(stop).value();
      ASSERT_TRUE(found.verdict) << found.verdict.error().message();
      EXPECT_EQ(found.verdict->logits, expected.verdict->logits);
      EXPECT_EQ(found.verdict->scores, expected.verdict->scores);
      EXPECT_EQ(found.pooled, expected.pooled);
      EXPECT_EQ(found.pooled.size(), static_cast<std::size_t>(among->facts().hidden_size));
      EXPECT_EQ(std::pair(found.width, found.height), std::pair(30 + 5 * static_cast<int>(i), 48));
      const auto from_vector = kept->judge(found.pooled);
      ASSERT_TRUE(from_vector.at(0));
      for (std::size_t k = 0; k < taxonomy::class_count; ++k)
        EXPECT_NEAR(from_vector[0]->scores[k], found.verdict->scores[k], 1e-6);
    }
    EXPECT_EQ(among->waiting(), 0U);
  }
}

TEST_P(FileVerdicts, NeedAGuard) {
  const auto plain = root() / (GetParam() + "_plain");
  ASSERT_TRUE(models::family_named(GetParam()).value()->synth({"tiny", 11, plain, false, {}}));
  OpenOptions options;
  options.model = plain;
  const auto judge = EngineJudge::make(Engine::open(options).value(), {}, "plain");
  ASSERT_FALSE(judge);
  EXPECT_EQ(judge.error().kind, ErrorKind::missing);
  EXPECT_EQ(judge.error().where, "plain");
}

INSTANTIATE_TEST_SUITE_P(All, FileVerdicts, testing::ValuesIn(family_names()), test_name);

}  // namespace
}  // namespace holisafe::engine
