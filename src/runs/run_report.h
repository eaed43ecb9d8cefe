// What a run leaves in its folder, and reports over several runs.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "report/report.h"
#include "runs/right_answers.h"
#include "runs/run_score.h"

namespace holisafe::runs {

inline constexpr const char* predictions_name = "predictions.json";
inline constexpr const char* summary_name = "summary.json";
inline constexpr const char* report_name = "report.html";

/// A run with all its figures.
struct JudgedRun {
  std::string name;
  std::vector<report::ScoredRun> scores;      ///< one a judge; the string judge first
  std::vector<report::JudgePair> pairs;       ///< each two of its judges
  std::optional<report::GuardRun> guard;      ///< with its answers under the first judge
  std::optional<RightAnswers> right_answers;  ///< under the first judge; where the benchmark has keys
  store::RunStore::Counts counts;
  FilterAs filter_as = FilterAs::refused;
  /// Why samples are unanswered, with how many.
  std::vector<std::pair<std::string, std::uint64_t>> reasons;
};

/// Scores a run under all of its judges. Memory: a few bytes a row.
Result<JudgedRun> judged_run(const Run& run, const metrics::BootstrapOptions& bootstrap);

/// The page over one run or several side by side, published models beside them.
report::Report run_report(std::span<const JudgedRun> runs, const metrics::BootstrapOptions& bootstrap,
                          const std::string& version);

/// RUN/predictions.json.
Result<void> write_predictions(const store::RunStore& store);

/// RUN/summary.json (a list: one object a judge, in the form of metrics::to_json) and RUN/report.html, from
/// what the store holds. Bytes depend on samples, answers and verdicts alone. Gives what they show. Call it
/// after verdicts were written too.
Result<JudgedRun> write_summary_and_report(const store::RunStore& store, const std::string& version);

}  // namespace holisafe::runs
