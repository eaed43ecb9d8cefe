// `bench export`: runs and prediction files as files for a paper and for other programs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exports/folder_files.h"
#include "exports/source.h"
#include "figures/draw.h"
#include "metrics/interval.h"

namespace holisafe::exports {

struct ExportSettings {
  std::vector<std::string> inputs;  ///< folders of runs, prediction files
  std::filesystem::path out;        ///< new or empty
  std::vector<std::string> formats = format_names();
  std::vector<std::string> judges;       ///< empty: all
  double width = figures::column_width;  ///< of figures, in points
  bool intervals = false;                ///< in the tables to print
  CsvFor reader = CsvFor::programs;
  std::string benchmark;       ///< of the prediction files
  bool allow_missing = false;  ///< rows of prediction files without one are unjudged
  metrics::BootstrapOptions bootstrap;
  std::string command;  ///< as it was given, for a comment
  std::string version;  ///< of the program
};

struct ExportEnd {
  std::vector<LeftOut> left_out;
  std::vector<std::string> warnings;
};

/// Writes what can be made of the inputs: scores.csv, .tex, .md; rows.csv, .jsonl; figures; method.txt and
/// references.bib. The same inputs and settings give the same bytes, whatever `out` is called. Errors: usage
/// (no such format or judge), unexpected (something is in `out`), those of opening and reading the inputs and
/// of writing; `out` is then as it was.
Result<ExportEnd> export_runs(const ExportSettings& settings);

}  // namespace holisafe::exports
