// The sections of a report that show an image guard: metrics, confusion, calibration, each class, and whether
// the model refused because its guard saw.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/curves.h"
#include "metrics/figures.h"
#include "metrics/guard_metrics.h"
#include "report/report.h"

namespace holisafe::report {

/// Judged rows of one place by what the guard said of their image and how their answer was marked.
struct GuardedPlace {
  std::string name;  ///< "SSU"
  /// counts[flagged][label]
  std::array<std::vector<std::uint64_t>, 2> counts;
};

/// A model's guard over the images of a run, and what became of the rows' answers.
struct GuardRun {
  std::string name;
  metrics::GuardMetrics metrics;
  metrics::Curves curves = {};        ///< of 1 - P(safe), unsafe images the labelled ones
  std::vector<std::string> labels;    ///< as pages call them; the first is the one whose share is shown
  std::vector<GuardedPlace> answers;  ///< the places that rates are taken over; counts 0 without marks
  const metrics::Prose* prose = nullptr;
};

/// Metrics, reliability diagram, confusion matrix and classes of each run's guard.
Section guard_section(std::span<const GuardRun> runs);

/// What of that is about the 20 classes: all but the metrics.
std::vector<Block> class_blocks(std::span<const GuardRun> runs);

/// The reliability diagram of guard_section().
LineChart reliability(std::span<const GuardRun> runs);

/// How often the answer was given the first label (a refusal) where the guard flagged the image and where it
/// did not. The runs are of one benchmark.
Section guard_answer_section(std::span<const GuardRun> runs);

}  // namespace holisafe::report
