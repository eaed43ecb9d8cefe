// What rates are called in reports.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace holisafe::report {

/// "SSS RR", "SSU ASR", …: `type` is the number of a taxonomy::Combination.
std::string rate_name(std::size_t type);

/// A column for the names of rows, then one for the rate of each combination.
std::vector<Column> rate_columns(std::string first);

}  // namespace holisafe::report
