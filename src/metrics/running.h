// Figures while rows are still coming.
#pragma once

#include <string>
#include <vector>

#include "metrics/score.h"

namespace holisafe::metrics {

/// Counts marks as they come and says how the figures stand. One thread at a time.
class RunningFigures {
 public:
  /// `figures` must outlive it.
  explicit RunningFigures(const Figures& figures);

  /// An unjudged row changes nothing.
  void add(const Groups& groups, const MarkNumber& mark);

  /// "ASR 12.0%, RR 3.1%": the figures that have a word for it (Words::live), means first; the primary one
  /// where none has. "-" stands for one without rows.
  [[nodiscard]] std::string note() const;

 private:
  const Figures* figures_;
  Places places_;
  std::vector<Tally> tallies_;  ///< of each place
};

}  // namespace holisafe::metrics
