// Scores as a table for the terminal.
#pragma once

#include <span>
#include <string>

#include "report/score_sections.h"

namespace holisafe::cli {

/// Which published rows a table shows.
enum class ShowPublished {
  none,
  comparable,  ///< where the runs cover what was published
  all          ///< else too, under a line that says that the data differ
};

/// One row a run with its intervals below, in percent; the figures of each value of the groups when there is
/// one run only; the published rows of its judge. The runs are of one benchmark and judge. Ends with a
/// newline.
std::string score_table(std::span<const report::ScoredRun> runs, ShowPublished published);

}  // namespace holisafe::cli
