// HoliSafe-Bench as its authors publish it: `holisafe_bench.json`, one array, beside `images/`.
#pragma once

#include <string_view>

#include "benchmarks/json_rows.h"

namespace holisafe::benchmarks {

/// How its rows are read. An item's groups are `type`, and `category` and `subcategory` by the taxonomy's
/// names, which are empty for a subcategory that is `safe` or unknown.
extern const RowFormat holisafe_format;

}  // namespace holisafe::benchmarks
