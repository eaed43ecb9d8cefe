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

/// Which groups' values have tables of their own below.
struct ShownGroups {
  bool of_one_run = true;  ///< all groups, where there is one run only
  std::string by = {};     ///< else this one, of every run
};

/// One row a run with its intervals below, in percent; the published rows of its judge; the figures of each
/// value of groups. One line where the judge gave no verdict. The runs are of one benchmark and judge. Ends
/// with a newline.
std::string score_table(std::span<const report::ScoredRun> runs, ShowPublished published,
                        const ShownGroups& groups = {});

}  // namespace holisafe::cli
