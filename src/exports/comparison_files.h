// `bench compare --export`: the differences of two runs and the rows that changed.
#pragma once

#include <filesystem>
#include <string>

#include "exports/print_table.h"
#include "runs/compare_runs.h"

namespace holisafe::exports {

/// Writes differences.csv, .tex, .md and changed.csv into a new folder, or an empty one. The same comparison
/// gives the same bytes. Errors: those of write_new_folder() (folder_files.h).
Result<void> export_comparison(const runs::RunComparison& comparison, const std::filesystem::path& out,
                               const Remarks& remarks);

}  // namespace holisafe::exports
