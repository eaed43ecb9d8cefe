// `bench run`: a benchmark through an answerer into a run's store, then the run's files.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/progress.h"
#include "runs/answerers.h"
#include "runs/run_part.h"
#include "runs/run_report.h"

namespace holisafe::runs {

struct RunSettings {
  std::string benchmark = "holisafe";  ///< a name of the table
  std::filesystem::path data;          ///< what the benchmark opens
  std::filesystem::path folder;        ///< RUN
  Part part;
  std::string system;                      ///< empty: no system message
  std::optional<unsigned> max_new_tokens;  ///< nothing: as the benchmark says
  Counting counting;
  AnswererSettings answerer;
  std::string version;  ///< of the program, for the report
  /// Called with what the user should know before anything is asked. May be empty.
  std::function<void(const std::string&)> warn;
};

struct RunEnd {
  store::RunStore::Counts counts;
  bool interrupted = false;       ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;   ///< why nobody would answer any more
  std::optional<JudgedRun> run;   ///< its figures, where it was asked to its end
  std::string unanswered_reason;  ///< why a question is unanswered: the first such reason; may be empty
};

/// Asks every question of the benchmark that has no answer, or begins the run; at its end the benchmark's
/// first rule judges, and predictions.json, summary.json and report.html are written. The same settings again
/// resume; an endpoint's address may have changed. Progress: questions of this call, with running figures and
/// faults. Errors: usage; those of the benchmark's rows, of the store (mismatch: a folder made from something
/// else), of opening the answerer and of writing files.
Result<RunEnd> run_benchmark(RunSettings settings, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::runs
