// Two runs over the same data, row by row.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"
#include "metrics/paired.h"
#include "report/comparison_section.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct RunComparison {
  const benchmarks::Benchmark* benchmark = nullptr;
  std::string first;
  std::string second;
  std::string judge;
  metrics::Comparison comparison;
  std::uint64_t only_first = 0;  ///< rows that the other run does not hold
  std::uint64_t only_second = 0;
  struct Change {
    std::string id;
    metrics::Groups place;  ///< the groups that rates filter by
    metrics::MarkNumber first;
    metrics::MarkNumber second;
  };
  std::vector<Change> changes;                   ///< rows judged in both, with another label
  std::vector<report::ChangedExample> examples;  ///< the first of them, with what was said
};

/// Errors: those of the stores; mismatch (runs over different data or of different benchmarks), missing (no
/// judgements of that judge in one of them).
Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap);

/// {"judge","first","second","left_out","only_first","only_second", differences in the benchmark's form,
/// "changed":[{"id",group,"first","second"}]}; rates and their differences (second - first) as fractions.
nlohmann::ordered_json to_json(const RunComparison& comparison);

/// The label of a mark, or "unjudged".
std::string_view label_of(const metrics::Figures& figures, const metrics::MarkNumber& mark);

}  // namespace holisafe::runs
