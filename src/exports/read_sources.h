// Reads runs and prediction files once: their figures, and each of their rows as it passes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "exports/row_lines.h"
#include "exports/source.h"
#include "metrics/interval.h"
#include "runs/open_runs.h"

namespace holisafe::exports {

struct SourceOptions {
  std::vector<std::string> judges;                   ///< wanted; empty: all
  const benchmarks::Benchmark* benchmark = nullptr;  ///< of prediction files
  bool allow_missing = false;
  metrics::BootstrapOptions bootstrap;
};

/// Runs and files that were named, opened. Runs come first.
struct Inputs {
  runs::OpenRuns open;
  std::vector<std::string> files;
  std::vector<std::string> names;  ///< of the runs, then of the files, each once
};

/// Folders are runs, all else is a prediction file. Errors: those of runs::open_runs().
Result<Inputs> open_inputs(const std::vector<std::string>& paths);

/// What the rows of all inputs have. Errors: those of the stores; missing (a judge that was wanted and no
/// input has).
Result<RowLayout> layout_of(const Inputs& inputs, const SourceOptions& options);

using OnRow = std::function<Result<void>(const ExportedRow& row)>;

struct SourcesRead {
  std::vector<Source> sources;
  std::vector<LeftOut> left_out;  ///< judges without verdicts
  std::vector<std::string> warnings;
};

/// Reads everything and calls `on_row` with each row. Errors: those of runs::judged_run() and
/// runs::FileScorer, and of `on_row`.
Result<SourcesRead> read_sources(const Inputs& inputs, const SourceOptions& options, const RowLayout& layout,
                                 const OnRow& on_row);

}  // namespace holisafe::exports
