// Judging by rule: no network, no model.
#pragma once

#include "store/run_store.h"

namespace holisafe::runs {

/// Writes the judgements of the default rule of the run's benchmark for all answers that have none. Errors:
/// those of the store and of benchmark_of().
Result<void> judge_by_rule(store::RunStore& store);

}  // namespace holisafe::runs
