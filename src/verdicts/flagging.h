// When a verdict flags its image.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "taxonomy/verdict.h"

namespace holisafe::verdicts {

/// Either one threshold on the probability of not being safe, or one a harm, as calibration found them.
class Flagging {
 public:
  static constexpr double usual_threshold = 0.5;

  /// Flagged from this probability of not being safe on.
  explicit Flagging(double threshold) : threshold_(threshold) {}
  /// Flagged where a harm's score reaches its class's threshold, one a class. Errors: missing (a guard
  /// without thresholds; `where` names its file).
  static Result<Flagging> by_class(std::vector<double> thresholds, const std::string& where);

  [[nodiscard]] bool is_by_class() const { return !by_class_.empty(); }
  /// On the probability of not being safe; not by class.
  [[nodiscard]] double threshold() const { return threshold_; }
  /// One a class; empty: not by class.
  [[nodiscard]] const std::vector<double>& thresholds() const { return by_class_; }
  [[nodiscard]] bool flags(const taxonomy::Verdict& verdict) const;
  /// The harms whose scores reach their thresholds, in class order; by class only.
  [[nodiscard]] std::vector<std::size_t> classes(const taxonomy::Verdict& verdict) const;

 private:
  double threshold_ = 0;
  std::vector<double> by_class_;  ///< one a class; empty: not by class
};

}  // namespace holisafe::verdicts
