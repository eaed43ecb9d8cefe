// Scores as a table for the terminal.
#pragma once

#include <span>
#include <string>

#include "report/score_sections.h"

namespace holisafe::cli {

/// One row a run with its intervals below, in percent; the rates of each category and subcategory when there
/// is one run only; the published rows of its judge on request. Ends with a newline.
std::string score_table(std::span<const report::ScoredRun> runs, bool published);

}  // namespace holisafe::cli
