// The sections of a report that set two things side by side: two runs over the same pairs, or two judges of
// the same answers.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "metrics/agreement.h"
#include "metrics/paired.h"
#include "report/report.h"

namespace holisafe::report {

/// Two judges of one run.
struct JudgePair {
  std::string run;
  std::string first;
  std::string second;
  metrics::Agreement all;
  std::array<metrics::Agreement, metrics::combination_count> types;
};

/// Raw agreement and Cohen's kappa, overall and by combination.
Section agreement_section(std::span<const JudgePair> pairs);

/// A pair whose outcome differs between two runs.
struct ChangedExample {
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::string id;
  std::string image;
  std::string query;
  metrics::Outcome first_outcome = metrics::Outcome::unjudged;
  std::string first;  ///< answer
  metrics::Outcome second_outcome = metrics::Outcome::unjudged;
  std::string second;
};

/// Differences of the rates (second - first) with intervals and tests, and examples that changed.
Section comparison_section(const std::string& first, const std::string& second,
                           const metrics::Comparison& comparison, std::span<const ChangedExample> examples);

}  // namespace holisafe::report
