// From a prediction file in a benchmark's official format to its scores.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "benchmarks/benchmark.h"
#include "dataset/rows.h"
#include "report/score_sections.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

struct ScoreOptions {
  const benchmarks::Benchmark* benchmark = nullptr;  ///< never nullptr
  std::string judge;                                 ///< one of the benchmark's rules; empty: the default
  std::string mode;   ///< one of its modes, of the default rule; empty: its own
  std::string split;  ///< of the data; empty: the benchmark's default
  /// How empty predictions count; nothing: unjudged, or as the script marks them that the rule repeats.
  std::optional<CountAs> empty_as;
  bool allow_missing = false;  ///< a row without a usable prediction is unjudged, not an error
  std::string data;            ///< whose rows the files' answers join by id; empty: the files hold the rows
  metrics::BootstrapOptions bootstrap;
  bool for_report = false;  ///< fill in the hash and the examples too
  /// Called with each row as it is marked, in the order of the file; with for_report its texts are there.
  std::function<void(const benchmarks::Item& item, std::span<const std::string> answers,
                     const metrics::MarkNumber& mark)>
      on_row = nullptr;
  /// Called with what the rule says of each row; nothing: unjudged. Ids are there.
  std::function<void(const benchmarks::Item& item, const std::optional<benchmarks::Mark>& mark)> on_mark =
      nullptr;
};

struct ScoredFile {
  report::ScoredRun run;              ///< its name is the path as given
  std::string note;                   ///< which fields were taken; may be empty
  std::vector<std::string> warnings;  ///< in row order: labels that disagree with the type, what was left
                                      ///< out; then what is to be said of the answers
};

/// File names without folders and endings, or the whole paths where those repeat.
void shorten_names(std::span<report::ScoredRun> runs);

/// Marks every row by a rule and scores them. One object a thread: files scored one after the other share its
/// buffers.
class FileScorer {
 public:
  explicit FileScorer(ScoreOptions options) : options_(std::move(options)) {}

  /// The file: a JSON array, JSON lines, or CSV with a head. Errors (with the file's name; row, id and field
  /// where there is one): those of the benchmark's reading, of rows_of_table() and AnswerFiles; a missing,
  /// null or non-string prediction unless allowed; usage (no such rule or mode).
  Result<ScoredFile> score(const std::string& path);
  /// The same from memory; `name` stands for the path. For benchmarks that have read_predictions.
  Result<ScoredFile> score_text(std::string text, const std::string& name);

 private:
  Result<ScoredFile> score_rows();
  Result<ScoredFile> score_joined(const std::string& path) const;

  ScoreOptions options_;
  dataset::RowFile file_;
};

}  // namespace holisafe::runs
