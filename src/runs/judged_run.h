// A run with all its figures: scores under each of its judges, how far they agree, its guard, what is
// unanswered. Its rows are read once.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/benchmark.h"
#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/rules_section.h"
#include "report/score_sections.h"
#include "runs/responder.h"
#include "runs/right_answers.h"
#include "runs/run_rows.h"
#include "runs/worst_cases.h"

namespace holisafe::runs {

struct JudgedRun {
  const benchmarks::Benchmark* benchmark = nullptr;
  std::string name;                           ///< the run's
  std::string title;                          ///< the run's, as tables and pages call it
  Responder who;                              ///< whose answers these are
  std::string data_sha256;                    ///< of the benchmark's rows; empty: not known
  std::string data;                           ///< name of the data's folder; may be empty
  bool synthetic = false;                     ///< whether the data were made by `data synth`
  std::vector<report::ScoredRun> scores;      ///< one a rule or judge; the default rule first
  std::vector<report::JudgePair> pairs;       ///< each two of its judges
  std::optional<report::RulesRead> rules;     ///< where several of its judges are rules
  std::optional<report::GuardRun> guard;      ///< with its answers under the first judge
  std::optional<RightAnswers> right_answers;  ///< under the first judge; where rows have keys
  store::RunStore::Counts counts;
  /// How filtered and empty answers count; of shards that differ, each way: "refused and unjudged".
  std::string filtered_as;
  std::string empty_as;
  /// Why samples are unanswered, or their answers empty, with how many.
  std::vector<std::pair<std::string, std::uint64_t>> reasons;
  std::vector<std::string> warnings;           ///< what the user should know of its answers
  std::vector<WorstCase> worst;                ///< of its guard, under the first judge
  std::vector<std::filesystem::path> folders;  ///< of its parts
};

/// The judges whose scores a run shows: the benchmark's rules, the default one first, then the others by
/// name. Of a run that nobody has judged, the default rule.
Result<std::vector<std::string>> shown_judges(const Run& run, const benchmarks::Benchmark& benchmark);

/// A row with what each of the run's judges makes of it. Valid during the call.
struct JudgedRow {
  const store::Row& row;                ///< with its first answer
  std::span<const store::Row> answers;  ///< the same row with each of its answers
  const benchmarks::Item& item;
  std::span<const std::string> judges;
  std::span<const metrics::MarkNumber> marks;  ///< parallel to `judges`
};
using OnJudgedRow = std::function<Result<void>(const JudgedRow& row)>;

/// Scores a run under all of its judges; calls `on_row`, if there is one, with each row in the order of the
/// data. Memory: a few bytes a row. Errors: those of the stores and of `on_row`.
Result<JudgedRun> judged_run(const Run& run, const metrics::BootstrapOptions& bootstrap,
                             const OnJudgedRow& on_row = nullptr);

/// Answers of all parts together.
Result<store::RunStore::Counts> counts_of(const Run& run);

}  // namespace holisafe::runs
