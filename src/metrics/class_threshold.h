// The score from which one class counts as seen: found on labelled images, by what is wanted of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "metrics/interval.h"

namespace holisafe::metrics {

/// What a threshold is chosen for: the best F1; or the fewest seen with at least this recall, the most with
/// at least this precision, the most with at most this rate of false alarms.
struct ThresholdObjective {
  enum class Kind : std::uint8_t { f1, recall, precision, fpr };
  Kind kind = Kind::f1;
  double wanted = 0;

  /// Reads `f1`, `recall=R`, `precision=P` or `fpr=F`. Error usage: another word, a number outside 0 to 1.
  static Result<ThresholdObjective> parse(const std::string& text);
};

/// One image's score of the class, and whether the class is its label.
struct ScoredImage {
  double score = 0;
  bool labelled = false;
};

/// The middle of the gap between scores where the objective is met; above the highest score where no
/// threshold meets it. 0.5 where no image has the label.
double class_threshold(std::vector<ScoredImage> images, const ThresholdObjective& objective);

/// One class against the rest, seen where its score reaches a threshold. A rate without a denominator is
/// nothing; intervals are exact ones (binomial_interval.h).
struct ClassAtThreshold {
  std::uint64_t images = 0;  ///< with the label
  std::optional<double> precision;
  std::optional<double> recall;
  std::optional<double> average_precision;  ///< over all thresholds
  std::optional<Interval> precision_interval;
  std::optional<Interval> recall_interval;
};

ClassAtThreshold class_at_threshold(std::vector<ScoredImage> images, double threshold);

}  // namespace holisafe::metrics
