// Counts what several rules of a set make of the same answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"
#include "metrics/marks.h"
#include "report/rules_section.h"
#include "report/score_sections.h"

namespace holisafe::runs {

class RuleCounter {
 public:
  /// `judges`: those of a run; of them the benchmark's rules are counted.
  RuleCounter(const benchmarks::Benchmark& benchmark, std::span<const std::string> judges);

  /// A row's marks, parallel to the judges, and what was answered. Rows without a mark of all rules count
  /// not.
  void add(const benchmarks::Item& item, std::span<const metrics::MarkNumber> marks, std::string_view answer);

  /// With the figures of `scores`, which are parallel to the judges. Nothing where there are fewer than two
  /// rules.
  [[nodiscard]] std::optional<report::RulesRead> finish(const std::string& run,
                                                        std::span<const report::ScoredRun> scores);

 private:
  const metrics::Figures& figures_;
  std::vector<std::size_t> rules_;  ///< numbers among the judges
  report::RulesRead out_;
};

}  // namespace holisafe::runs
