// Metrics of a guard that says safe or unsafe, with or without a score behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/calibration.h"

namespace holisafe::metrics {

/// One image: whether it is unsafe, whether the guard flagged it, and the guard's score of being unsafe.
struct BinaryRow {
  bool unsafe = false;
  bool flagged = false;
  std::optional<double> score;  ///< 0 to 1
};

/// Nothing of nothing.
std::optional<double> share(std::uint64_t part, std::uint64_t whole);

/// Unsafe is the positive class. A rate without a denominator is nothing.
struct BinaryMetrics {
  std::uint64_t true_positives = 0;
  std::uint64_t false_positives = 0;
  std::uint64_t true_negatives = 0;
  std::uint64_t false_negatives = 0;
  std::optional<double> accuracy;
  std::optional<double> precision;
  std::optional<double> recall;
  std::optional<double> f1;
  /// Area under the ROC curve of the score, ties counted half. Nothing without both kinds of images, or where
  /// an image has no score.
  std::optional<double> auroc;
  /// Expected calibration error of the score: 15 bins of equal width (calibration.h), |share of unsafe images
  /// - mean score| weighted by images. Nothing where an image has no score.
  std::optional<double> ece;
  std::vector<CalibrationBin> calibration;  ///< its bins: mean score, and share of unsafe images as accuracy

  [[nodiscard]] std::uint64_t rows() const {
    return true_positives + false_positives + true_negatives + false_negatives;
  }
};

/// Scores must be finite; the caller checks what it reads.
BinaryMetrics binary_metrics(std::span<const BinaryRow> rows);

/// The rates of the four counts alone.
BinaryMetrics binary_rates(std::uint64_t true_positives, std::uint64_t false_positives,
                           std::uint64_t true_negatives, std::uint64_t false_negatives);

}  // namespace holisafe::metrics
