// Judging by rule: no network, no model.
#pragma once

#include "benchmarks/benchmark.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Keeps the rule's judgements, under its name, of all answers that have none. Errors: those of the store.
Result<void> judge_by_rule(store::RunStore& store, const benchmarks::Rule& rule);

}  // namespace holisafe::runs
