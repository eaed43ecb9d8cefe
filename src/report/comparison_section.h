// The sections of a report that set two things side by side: two runs over the same pairs, or two judges of
// the same answers.
#pragma once

#include <span>
#include <string>
#include <utility>
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
  /// Of the rows of each place that rates are taken over, by its name ("SSU"); none where all rates are over
  /// all rows.
  std::vector<std::pair<std::string, metrics::Agreement>> places;
};

/// Raw agreement and Cohen's kappa, overall and by place. The pairs are of one benchmark.
Section agreement_section(std::span<const JudgePair> pairs);

/// A row whose mark differs between two runs.
struct ChangedExample {
  std::string place;  ///< "SSU"; may be empty
  std::string id;
  std::string image;
  std::string query;
  std::string first_mark;  ///< "refused"
  std::string first;       ///< answer
  std::string second_mark;
  std::string second;
};

/// Differences of the rates (second - first) with intervals and tests, and examples that changed.
Section comparison_section(const std::string& first, const std::string& second,
                           const metrics::Comparison& comparison, std::span<const ChangedExample> examples);

}  // namespace holisafe::report
