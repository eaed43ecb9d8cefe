// scores.tex and scores.md: a table a benchmark, a part a judge, a row a run, in percent.
#pragma once

#include <vector>

#include "exports/print_table.h"
#include "exports/source.h"

namespace holisafe::exports {

/// The best of a column among a part's rows is marked, also where several print the same. With `intervals`,
/// each row has those on a second line.
std::vector<PrintTable> score_tables(const std::vector<Source>& sources, bool intervals);

}  // namespace holisafe::exports
