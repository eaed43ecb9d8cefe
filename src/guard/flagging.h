// When a verdict flags its image.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "guard/guard.h"
#include "taxonomy/verdict.h"

namespace holisafe::guard {

/// Either one threshold on the probability of not being safe, or one a harm, as calibration found them.
class Flagging {
 public:
  /// Flagged from this probability of not being safe on.
  explicit Flagging(double threshold) : threshold_(threshold) {}
  /// Flagged where a harm's score reaches its class's threshold. Errors: missing (a guard without thresholds;
  /// `where` names its file).
  static Result<Flagging> by_class(const GuardInfo& info, const std::string& where);

  [[nodiscard]] bool is_by_class() const { return !by_class_.empty(); }
  [[nodiscard]] bool flags(const taxonomy::Verdict& verdict) const;
  /// The harms whose scores reach their thresholds, in class order; by class only.
  [[nodiscard]] std::vector<std::size_t> classes(const taxonomy::Verdict& verdict) const;

 private:
  double threshold_ = 0;
  std::vector<double> by_class_;  ///< one a class; empty: not by class
};

}  // namespace holisafe::guard
