// The sections of a page on a guard's calibration: how far its probabilities can be trusted before and after,
// and what each threshold makes of the labelled pictures.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "metrics/class_threshold.h"
#include "metrics/guard_metrics.h"
#include "report/report.h"

namespace holisafe::report {

/// The spans must outlive the call that takes them; each has one entry a picture or class.
struct CalibrationPage {
  std::string objective;  ///< what a class's threshold is for: "f1", "recall=0.9"
  double temperature = 1;
  double nll_before = 0;
  double nll_after = 0;
  /// The same pictures with their probabilities at temperature 1 and at the one that was found.
  std::span<const metrics::GuardRow> before;
  std::span<const metrics::GuardRow> after;
  std::span<const double> thresholds;                  ///< one a class
  std::span<const metrics::ClassAtThreshold> classes;  ///< each at its threshold
};

/// Overview, reliability, safe against unsafe (precision and recall, ROC), each class at its threshold with
/// its curves.
std::vector<Section> calibration_sections(const CalibrationPage& page);

}  // namespace holisafe::report
