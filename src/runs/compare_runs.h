// Two runs over the same data, pair by pair.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "metrics/paired.h"
#include "report/comparison_section.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct RunComparison {
  std::string first;
  std::string second;
  std::string judge;
  metrics::Comparison comparison;
  std::uint64_t only_first = 0;  ///< samples that the other run does not hold
  std::uint64_t only_second = 0;
  struct Change {
    std::string id;
    taxonomy::Combination type = taxonomy::Combination::SSS;
    metrics::Outcome first = metrics::Outcome::unjudged;
    metrics::Outcome second = metrics::Outcome::unjudged;
  };
  std::vector<Change> changes;                   ///< rows judged in both, with another outcome
  std::vector<report::ChangedExample> examples;  ///< the first of them, with what was said
};

/// Errors: those of the stores; mismatch (runs over different data), missing (no verdicts of that judge in
/// one of them).
Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap);

/// {"judge","first","second","left_out","only_first","only_second","types":{…},"masr":{…},"changed":[…]};
/// rates and their differences (second - first) as fractions.
nlohmann::ordered_json to_json(const RunComparison& comparison);

/// "refused", "complied", "unjudged".
std::string_view name(metrics::Outcome outcome);

}  // namespace holisafe::runs
