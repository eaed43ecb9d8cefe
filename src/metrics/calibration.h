// How well probabilities say how often they are right.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace holisafe::metrics {

/// The probability of the most probable class, and whether it was right.
struct Confidence {
  double value = 0;
  bool right = false;
};

/// A bin of the reliability diagram: rows whose highest probability lies in [low, high).
struct CalibrationBin {
  double low = 0;
  double high = 0;
  std::uint64_t rows = 0;
  double mean_confidence = 0;
  double accuracy = 0;
};

struct CalibrationMetrics {
  /// Expected calibration error (Guo et al. 2017): 15 bins of equal width over the confidence, |accuracy -
  /// confidence| weighted by rows. A probability of 1 falls in the last bin. Nothing without rows.
  std::optional<double> error;
  std::vector<CalibrationBin> bins;  ///< those that have rows
};

CalibrationMetrics calibration_metrics(std::span<const Confidence> rows);

}  // namespace holisafe::metrics
