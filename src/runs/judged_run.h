// A run with all its figures: scores under each of its judges, how far they agree, its guard, what is
// unanswered. Its rows are read once.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/benchmark.h"
#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/score_sections.h"
#include "runs/right_answers.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct JudgedRun {
  const benchmarks::Benchmark* benchmark = nullptr;
  std::string name;
  std::string data;                           ///< name of the data's folder; may be empty
  bool synthetic = false;                     ///< whether the data were made by `data synth`
  std::vector<report::ScoredRun> scores;      ///< one a judge; the default rule first
  std::vector<report::JudgePair> pairs;       ///< each two of its judges
  std::optional<report::GuardRun> guard;      ///< with its answers under the first judge
  std::optional<RightAnswers> right_answers;  ///< under the first judge; where rows have keys
  store::RunStore::Counts counts;
  /// How filtered and empty answers count; of shards that differ, each way: "refused and unjudged".
  std::string filtered_as;
  std::string empty_as;
  /// Why samples are unanswered, or their answers empty, with how many.
  std::vector<std::pair<std::string, std::uint64_t>> reasons;
  std::vector<std::string> warnings;  ///< what the user should know of its answers
};

/// Scores a run under all of its judges. Memory: a few bytes a row.
Result<JudgedRun> judged_run(const Run& run, const metrics::BootstrapOptions& bootstrap);

/// Answers of all parts together.
Result<store::RunStore::Counts> counts_of(const Run& run);

}  // namespace holisafe::runs
