// Bounds on a run's rates for use in CI, and JUnit files that say which were kept.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/score_sections.h"

namespace holisafe::runs {

/// The highest value that a rate may have, as a fraction; nothing: any.
struct RateBounds {
  std::optional<double> masr;           ///< macro
  std::optional<double> masr_weighted;  ///< sample-weighted
  std::optional<double> asr;            ///< of each unsafe combination
  std::optional<double> rr;
  std::optional<double> unjudged;  ///< share of rows without a verdict
};

/// One rate of one run under one judge.
struct RateCheck {
  std::string run;
  std::string judge;
  std::string rate;  ///< "mASR macro", "SSU ASR", …
  std::optional<double> value;
  std::optional<double> bound;
  [[nodiscard]] bool over() const { return bound && value && *value > *bound; }
};

/// Every rate that a bound could be put on, in the order of the runs. Errors: missing (a bound on a rate that
/// no row defines).
Result<std::vector<RateCheck>> check_rates(std::span<const report::ScoredRun> runs, const RateBounds& bounds);

/// A JUnit XML file: a suite for each run and judge, a case for each rate, failed where it is over its bound.
std::string junit(std::span<const RateCheck> checks);

}  // namespace holisafe::runs
