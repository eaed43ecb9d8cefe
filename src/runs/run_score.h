// Scores of a run under each of its judges, its guard's metrics, and its prediction file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "report/comparison_section.h"
#include "report/guard_section.h"
#include "report/score_sections.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

/// Writes the verdicts of the string judge for all answers that have none.
Result<void> judge_by_string(store::RunStore& store);

/// A run under one judge: rows without an answer or a verdict are unjudged. Its sha256 stays empty.
Result<report::ScoredRun> score_run(const Run& run, const std::string& judge,
                                    const metrics::BootstrapOptions& bootstrap);

/// The run's guard over its rows, with what became of the answers under `judge`; nothing where no row has a
/// guard's result.
Result<std::optional<report::GuardRun>> guard_run(const Run& run, const std::string& judge);

/// How far two judges of a run agree.
Result<report::JudgePair> judge_pair(const Run& run, const std::string& first, const std::string& second);

/// The run in the benchmark's official format: each row's fields as they stand in the source, in their order,
/// then `prediction` (null where there is no answer) and, where the model has a guard, `guard` with `label`
/// and `scores`. A `prediction` or `guard` that the source has is left out. `write` gets the file piece by
/// piece.
Result<void> prediction_file(const Run& run, const WritePiece& write);

/// Lower-case hexadecimal SHA-256 of that file.
Result<std::string> prediction_sha256(const Run& run);

/// Answers of all parts together.
Result<store::RunStore::Counts> counts_of(const Run& run);

}  // namespace holisafe::runs
