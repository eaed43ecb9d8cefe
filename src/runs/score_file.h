// From a prediction file in the benchmark's official format to its scores.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/rows.h"
#include "judge/string_rules.h"
#include "report/score_sections.h"

namespace holisafe::runs {

struct ScoreOptions {
  judge::StringMode mode = judge::StringMode::authors;
  bool allow_missing = false;  ///< a row without a usable prediction is unjudged, not an error
  metrics::BootstrapOptions bootstrap;
  bool for_report = false;  ///< fill in the hash and the examples too
};

struct ScoredFile {
  report::ScoredRun run;              ///< its name is the path as given
  std::vector<std::string> warnings;  ///< in row order: labels that disagree with the type, what was left out
};

/// Judges every row of known type by the string rules and scores them. A row of unknown type is skipped
/// whatever else it holds. One object a thread: files scored one after the other share its buffers.
class FileScorer {
 public:
  explicit FileScorer(const ScoreOptions& options) : options_(options) {}

  /// Errors (with the file's name; row, id and field where there is one): those of dataset::RowFile; a row
  /// without id or type; a field of the wrong kind; an id that stands twice; a missing, null or non-string
  /// prediction unless allowed.
  Result<ScoredFile> score(const std::string& path);
  /// The same from memory; `name` stands for the path.
  Result<ScoredFile> score_text(std::string text, const std::string& name);

 private:
  Result<ScoredFile> score_rows();

  ScoreOptions options_;
  dataset::RowFile file_;
};

}  // namespace holisafe::runs
