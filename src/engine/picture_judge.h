// An engine with a guard, and a guard alone, as whoever judges pictures knows them
// (verdicts/picture_judge.h).
//
//   auto judge = EngineJudge::make(std::move(engine), {}, where);
//   (*judge)->push({.file = "a.png"});
//   const auto judged = (*judge)->next(stop);
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/in_order.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "image/image.h"
#include "schedule/scheduler.h"
#include "verdicts/picture_judge.h"

namespace holisafe::engine {

struct JudgeOptions {
  image::DecodeOptions decode = {};
  int decode_threads = 2;
  /// Pictures under way at once; beside them six more than twice as many are decoded ahead.
  std::size_t batch_size = 1;
};

/// Every picture is a question to a scheduler of its own, for the verdict alone: prepared ahead on other
/// threads, in a pass of its own.
class EngineJudge final : public verdicts::PictureJudge {
 public:
  /// Errors: missing (no guard; `where` names what was opened).
  static Result<std::unique_ptr<EngineJudge>> make(Engine engine, const JudgeOptions& options,
                                                   const std::string& where);

  [[nodiscard]] const Engine& engine() const { return executor_->engine(); }

  [[nodiscard]] verdicts::JudgeFacts facts() const override;
  void push(chat::Image picture) override;
  [[nodiscard]] std::size_t waiting() const override { return judged_.waiting(); }
  std::optional<verdicts::JudgedPicture> next(const StopFlag& stop) override { return judged_.next(&stop); }

  /// In the place of a picture: why there is none.
  void push(std::string name, Error error);
  /// Nothing will be pushed any more: next() gives nothing behind the last one.
  void end() { judged_.end(); }
  /// Waits until so few are waiting that another may be pushed; false after close().
  bool wait_for_room() { return judged_.wait_for_room(); }
  /// Nobody waits for room any more, and nothing comes.
  void close() { judged_.close(); }

 private:
  EngineJudge(Engine engine, const JudgeOptions& options);

  std::shared_ptr<ModelExecutor> executor_;
  InOrder<verdicts::JudgedPicture> judged_;
  schedule::Scheduler scheduler_;
};

class GuardJudge final : public verdicts::VectorJudge {
 public:
  /// Errors: those of guard::read().
  static Result<std::unique_ptr<verdicts::VectorJudge>> open(const std::filesystem::path& guard);

  [[nodiscard]] std::vector<double> thresholds() const override { return guard_.info().thresholds; }
  [[nodiscard]] Result<void> check_fits(const verdicts::JudgeFacts& run) const override;
  [[nodiscard]] std::vector<Result<taxonomy::Verdict>> judge(std::span<const float> vectors) const override;

 private:
  GuardJudge(guard::Guard guard, std::string where) : guard_(std::move(guard)), where_(std::move(where)) {}

  guard::Guard guard_;
  std::string where_;  ///< its file
};

}  // namespace holisafe::engine
