// Metrics of an image guard: a probability for each of the 20 classes against the image's label.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/binary_metrics.h"
#include "metrics/calibration.h"

namespace holisafe::metrics {

inline constexpr std::size_t guard_classes = 20;

/// One image: its label and the guard's probabilities, in class order; class 0 is safe.
struct GuardRow {
  std::uint8_t label = 0;  ///< 0-19
  std::array<double, guard_classes> probabilities{};
};

/// One class against the rest. A rate without a denominator is nothing.
struct ClassMetrics {
  std::uint64_t support = 0;  ///< rows with this label
  std::optional<double> precision;
  std::optional<double> recall;
  std::optional<double> f1;
};

struct GuardMetrics {
  std::uint64_t rows = 0;
  /// Over 20 classes, of the most probable one (the lowest index among equals).
  std::optional<double> accuracy;
  /// confusion[label][predicted]
  std::array<std::array<std::uint64_t, guard_classes>, guard_classes> confusion{};
  std::array<ClassMetrics, guard_classes> classes;

  /// Safe or unsafe: a row is flagged where 1 - P(safe) >= threshold; unsafe is the positive class.
  double threshold = 0.5;
  BinaryMetrics binary;  ///< its scores are 1 - P(safe)

  /// Expected calibration error of the most probable class, and its bins (calibration.h).
  std::optional<double> ece;
  std::vector<CalibrationBin> calibration;
};

/// Labels must be below 20 and probabilities finite; the caller checks what it reads.
GuardMetrics guard_metrics(std::span<const GuardRow> rows, double threshold = 0.5);

}  // namespace holisafe::metrics
