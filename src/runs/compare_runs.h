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
  std::vector<Change> changes;                   ///< rows judged in both, with another label, or value
  std::vector<report::ChangedExample> examples;  ///< the first of them, with what was said

  /// Whether the benchmark is one that rules alone score, so that a rule said what counts and no judge.
  [[nodiscard]] bool by_rule() const { return !benchmark->protocol; }
};

/// Errors: those of the stores; mismatch (runs over different data, splits or benchmarks), missing (no
/// judgements of that judge in one of them).
Result<RunComparison> compare_runs(const Run& first, const Run& second, const std::string& judge,
                                   const metrics::BootstrapOptions& bootstrap);

/// {"benchmark","rule" or "judge","first","second","left_out","only_first","only_second", differences in the
/// benchmark's form, "changed":[{"id",group,"first","second"}]}; rates and their differences (second - first)
/// as fractions. A benchmark with a form of its own has "judge" alone at its head.
nlohmann::ordered_json to_json(const RunComparison& comparison);

}  // namespace holisafe::runs
