// Whoever judges pictures, as a guard run sees it: an engine with a guard, or anything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"
#include "taxonomy/verdict.h"

namespace holisafe::verdicts {

/// What became of a picture.
struct JudgedPicture {
  std::string name;  ///< of its file
  Result<taxonomy::Verdict> verdict;
  int width = 0;              ///< in pixels, upright; 0: it was not judged
  int height = 0;             ///< the same
  std::vector<float> pooled;  ///< [hidden size]; empty: it was not judged
};

/// What a run remembers of its guard and the model under it.
struct JudgeFacts {
  std::string base;  ///< fingerprint of tower, projector and language model as they are run
  std::string family;
  std::string model_type;
  std::string pooling;  ///< "last_hidden" or "projector"
  std::int64_t hidden_size = 0;
  std::vector<double> thresholds;  ///< of the guard's calibration, one a class; may be empty
};

/// Judges pictures in the order in which they come, each by itself: the same picture gives the same bits,
/// whatever was judged before and beside it. One thread pushes, one takes, which may be another.
class PictureJudge {
 public:
  PictureJudge() = default;
  PictureJudge(const PictureJudge&) = delete;
  PictureJudge& operator=(const PictureJudge&) = delete;
  virtual ~PictureJudge() = default;

  [[nodiscard]] virtual JudgeFacts facts() const = 0;
  /// Never waits: whoever pushes sees to it that not too many are waiting.
  virtual void push(chat::Image picture) = 0;
  /// Pushed and not yet given by next().
  [[nodiscard]] virtual std::size_t waiting() const = 0;
  /// The oldest; waits for it. Nothing when `stop` is requested. Only where one is waiting, or will be.
  /// Errors of a picture, which name its file: those of image::load(), of the model's processor, not_finite,
  /// those of the model.
  virtual std::optional<JudgedPicture> next(const StopFlag& stop) = 0;
};

/// A guard alone, on vectors that a run has kept.
class VectorJudge {
 public:
  VectorJudge() = default;
  VectorJudge(const VectorJudge&) = delete;
  VectorJudge& operator=(const VectorJudge&) = delete;
  virtual ~VectorJudge() = default;

  /// Of calibration; may be empty.
  [[nodiscard]] virtual std::vector<double> thresholds() const = 0;
  /// Errors: mismatch (vectors of another base, pooling or size; names both).
  [[nodiscard]] virtual Result<void> check_fits(const JudgeFacts& run) const = 0;
  /// Of vectors one behind the other. Each has its verdict, or its error (not_finite).
  [[nodiscard]] virtual std::vector<Result<taxonomy::Verdict>> judge(
      std::span<const float> vectors) const = 0;
};

}  // namespace holisafe::verdicts
