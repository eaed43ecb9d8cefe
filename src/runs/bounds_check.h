// Bounds on a run's figures for use in CI, and JUnit files that say which were kept.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "report/score_sections.h"

namespace holisafe::runs {

/// The worst values that figures may have, as fractions: the highest, or the lowest where higher is better.
struct FigureBounds {
  std::vector<std::pair<std::string, double>> figures;  ///< by name
  std::optional<double> primary_rates;                  ///< of each rate that the primary figure is over
  std::optional<double> unjudged;                       ///< share of rows without a verdict
};

/// One figure of one run under one judge.
struct FigureCheck {
  std::string run;
  std::string judge;
  std::string figure;  ///< its title: "mASR macro", "SSU ASR", …
  std::optional<double> value;
  std::optional<double> bound;
  bool higher_is_better = false;
  [[nodiscard]] bool fell_short() const {
    return bound && value && (higher_is_better ? *value < *bound : *value > *bound);
  }
};

/// Every figure that a bound could be put on, in the order of the runs: means, rates, unjudged rows. Errors:
/// usage (a bound on a figure that no run's benchmark has); missing (on one that no row defines).
Result<std::vector<FigureCheck>> check_figures(std::span<const report::ScoredRun> runs,
                                               const FigureBounds& bounds);

/// A JUnit XML file: a suite for each run and judge, a case for each figure, failed where it fell short.
std::string junit(std::span<const FigureCheck> checks);

}  // namespace holisafe::runs
