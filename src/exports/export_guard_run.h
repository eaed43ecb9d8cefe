// `guard export`: a guard run as files for a paper and for other programs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exports/csv.h"
#include "exports/folder_files.h"
#include "figures/draw.h"
#include "moderation/run_page.h"

namespace holisafe::exports {

struct GuardExportSettings {
  std::filesystem::path run;
  std::filesystem::path out;  ///< new or empty
  std::vector<std::string> formats = format_names();
  double width = figures::column_width;  ///< of figures, in points
  CsvFor reader = CsvFor::programs;
  moderation::PageOptions labels;  ///< its labels and images alone: what the guard is measured by
  std::string command;             ///< as it was given, for a comment
  std::string version;             ///< of the program
};

/// Writes counts.csv (`run,group_kind,group,count,share`), counts.tex and counts.md; verdicts.csv and
/// verdicts.jsonl, a line a path; the figures `guard-classes` and `guard-unsafe`, and with labels those of
/// add_guard_figures(). The same run and settings give the same bytes. Gives what was left out and why.
/// Errors: usage (no such format), unexpected (something is in `out`), those of GuardStore, measure_run() and
/// writing; `out` is then as it was.
Result<std::vector<LeftOut>> export_guard_run(const GuardExportSettings& settings);

}  // namespace holisafe::exports
