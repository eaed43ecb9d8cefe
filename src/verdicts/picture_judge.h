// Whoever judges pictures, as a guard run sees it: an engine with a guard, or anything else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "taxonomy/verdict.h"

namespace holisafe::verdicts {

/// A picture as its judge takes it.
class PreparedPicture {
 public:
  PreparedPicture(int width, int height) : width_(width), height_(height) {}
  PreparedPicture(const PreparedPicture&) = delete;
  PreparedPicture& operator=(const PreparedPicture&) = delete;
  virtual ~PreparedPicture() = default;

  /// In pixels, upright.
  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }

 private:
  int width_;
  int height_;
};

struct JudgedPicture {
  taxonomy::Verdict verdict;
  std::vector<float> pooled;  ///< [hidden size]
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

class PictureJudge {
 public:
  PictureJudge() = default;
  PictureJudge(const PictureJudge&) = delete;
  PictureJudge& operator=(const PictureJudge&) = delete;
  virtual ~PictureJudge() = default;

  [[nodiscard]] virtual JudgeFacts facts() const = 0;
  /// From a file's bytes; `name` stands in errors. Thread-safe. Errors: those of image::decode() and of the
  /// model's processor.
  [[nodiscard]] virtual Result<std::unique_ptr<PreparedPicture>> prepare(std::string_view bytes,
                                                                         const std::string& name) const = 0;
  /// One that this judge prepared. The same picture gives the same bits, whatever was judged before. Errors:
  /// not_finite, those of the model.
  [[nodiscard]] virtual Result<JudgedPicture> judge(const PreparedPicture& picture) const = 0;
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
