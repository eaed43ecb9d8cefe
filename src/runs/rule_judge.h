// Judging by rule: no network, no model.
#pragma once

#include "benchmarks/benchmark.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Keeps the rule's judgements, under its name, of all answers that have none. Errors: those of the store;
/// missing (data without the right answers).
Result<void> judge_by_rule(store::RunStore& store, const benchmarks::Rule& rule);
/// The same by each of the benchmark's rules.
Result<void> judge_by_rules(store::RunStore& store, const benchmarks::Benchmark& benchmark);

}  // namespace holisafe::runs
