// Run folders as the user names them, shards of one run put together.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runs/run_rows.h"

namespace holisafe::runs {

/// Owns the stores that its runs point into.
struct OpenRuns {
  std::vector<std::unique_ptr<store::RunStore>> stores;
  std::vector<Run> runs;              ///< in the order in which their first folder was named
  std::vector<std::string> warnings;  ///< shards that are missing
};

/// Opens the folders for reading. Those that differ in nothing but their shard are one run, named by its
/// model; where models repeat, the folder stands beside the name, in titles where they do within a benchmark.
/// Errors: those of store::RunStore::open(); missing (a folder whose run was never begun).
Result<OpenRuns> open_runs(std::span<const std::string> folders);

}  // namespace holisafe::runs
