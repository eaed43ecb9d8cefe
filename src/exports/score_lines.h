// scores.csv: a line a figure, of all rows and of those with each value of each group.
#pragma once

#include <string>
#include <vector>

#include "exports/csv.h"
#include "exports/source.h"

namespace holisafe::exports {

/// Fractions. `n` counts a figure's rows, unjudged ones too; `count` those that count in it, where it is a
/// share of rows; `low` and `high` are the interval's ends; `bound_low` and `bound_high` what it could be
/// were the unjudged rows judged. Over all rows `group_kind` and `group` are empty.
std::string score_lines(const std::vector<Source>& sources, CsvFor reader);

}  // namespace holisafe::exports
