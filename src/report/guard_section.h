// The sections of a report that show an image guard: metrics, confusion, calibration, each class, and whether
// the model refused because its guard saw.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/guard_metrics.h"
#include "report/report.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::report {

/// A model's guard over the rows of a run, and what became of the same rows' answers.
struct GuardRun {
  std::string name;
  metrics::GuardMetrics metrics;
  /// answers[combination][flagged][refused]: judged rows; all 0 where the run has no verdicts on answers.
  std::array<std::array<std::array<std::uint64_t, 2>, 2>, taxonomy::combination_count> answers{};
};

/// Metrics, reliability diagram, confusion matrix and classes of each run's guard.
Section guard_section(std::span<const GuardRun> runs);

/// How often the answer was a refusal where the guard flagged the image and where it did not.
Section guard_answer_section(std::span<const GuardRun> runs);

}  // namespace holisafe::report
