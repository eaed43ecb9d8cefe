// Fits a guard's temperature and per-class thresholds on labelled images the guard was not trained on.
#pragma once

#include <vector>

#include "base/result.h"
#include "metrics/class_threshold.h"
#include "nn/tensor.h"

namespace holisafe::train {

struct CalibrationOptions {
  metrics::ThresholdObjective objective;
  std::int64_t min_images = 20;  ///< a class with fewer keeps the threshold 0.5
};

/// What calibration found, with the figures before and after.
struct Calibration {
  double temperature = 1.0;        ///< logits are divided by it
  std::vector<double> thresholds;  ///< one per class: its probability from which the class counts as seen
  double nll_before = 0;           ///< mean negative log-likelihood at temperature 1
  double nll_after = 0;
  double ece_before = 0;  ///< expected calibration error (metrics/calibration.h)
  double ece_after = 0;
  double accuracy = 0;
  std::vector<metrics::ClassAtThreshold> classes;  ///< each at its threshold
  std::vector<std::size_t> too_few;                ///< classes that had fewer images than were asked for
};

/// Fits on `logits` float32 [N, classes] and `labels` i64 [N]. The temperature minimises the negative
/// log-likelihood; each class's threshold is that of the objective for it against the rest
/// (metrics/class_threshold.h). Errors: missing (N is 0), out_of_range (a label).
Result<Calibration> calibrate(const torch::Tensor& logits, const torch::Tensor& labels,
                              const CalibrationOptions& options = {});

}  // namespace holisafe::train
