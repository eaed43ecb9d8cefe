// `bench import`: a run whose answers came from elsewhere.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runs/answer_files.h"
#include "runs/run_report.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct ImportSettings {
  std::vector<std::string> files;      ///< of answers: parts of one run
  std::string benchmark = "holisafe";  ///< a name of the table
  std::filesystem::path data;          ///< what the benchmark opens
  std::string split;                   ///< of it; empty: the benchmark's default
  std::filesystem::path folder;        ///< RUN
  std::string name;                    ///< of the run; empty: that of the first file
  AnswerFields fields;
  std::optional<CountAs> empty_as;  ///< nothing: usual_empty_as()
  std::string version;              ///< of the program, for the report
  /// Called with what the user should know, and with which fields were taken. Either may be empty.
  std::function<void(const std::string&)> warn;
  std::function<void(const std::string&)> note;
};

struct ImportEnd {
  store::RunStore::Counts counts;
  JudgedRun run;                  ///< its figures
  std::string unanswered_reason;  ///< which row has no answer, and why: the first; may be empty
};

/// Joins the files' answers to the data's rows as one change, has the benchmark's rules judge, and
/// writes predictions.json, summary.json and report.html. A row that no file has is unanswered. The same
/// files again change nothing; others take the place of a run that lacks answers, whose judgements of the
/// same answers stay. Errors: usage; those of AnswerFiles and of the benchmark's rows, after which nothing
/// was changed; of the store (mismatch: a folder made from something else); busy (other files while a judge's
/// batches are under way); those of writing files.
Result<ImportEnd> import_run(const ImportSettings& settings);

}  // namespace holisafe::runs
