// HoliSafe-Bench as its authors publish it: `holisafe_bench.json`, one array, beside `images/`.
#pragma once

#include <string_view>

#include "benchmarks/set_rows.h"

namespace holisafe::benchmarks {

/// How its rows are read. An item's groups are `type`, and `category` and `subcategory` by the taxonomy's
/// names, which are empty for a subcategory that is `safe` or unknown.
extern const RowFormat holisafe_format;

/// Errors (with the file's name; row, id and field where there is one): those of RowFile::for_each(); a row
/// without id or type; a field of the wrong kind; an id that stands twice; a missing, null or non-string
/// prediction unless allowed.
Result<PredictionsRead> read_holisafe_predictions(const dataset::RowFile& file,
                                                  const PredictionOptions& options,
                                                  const OnPrediction& on_prediction);

}  // namespace holisafe::benchmarks
