// Fits a guard's temperature and per-class thresholds on labelled images the guard was not trained on.
#pragma once

#include <vector>

#include "base/result.h"
#include "nn/tensor.h"

namespace holisafe::train {

/// What calibration found, with the figures before and after.
struct Calibration {
  double temperature = 1.0;        ///< logits are divided by it
  std::vector<double> thresholds;  ///< one per class: its probability from which the class counts as seen
  double nll_before = 0;           ///< mean negative log-likelihood at temperature 1
  double nll_after = 0;
  double ece_before = 0;  ///< expected calibration error (metrics/calibration.h)
  double ece_after = 0;
  double accuracy = 0;
};

/// Fits on `logits` float32 [N, classes] and `labels` i64 [N]. The temperature minimises the negative
/// log-likelihood; each class's threshold maximises the F1 of that class against the rest (0.5 for a class
/// without a sample; the middle of the gap where a range of thresholds does equally well). Errors: missing (N
/// is 0), out_of_range (a label).
Result<Calibration> calibrate(const torch::Tensor& logits, const torch::Tensor& labels);

}  // namespace holisafe::train
