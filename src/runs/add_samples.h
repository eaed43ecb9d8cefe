// From a benchmark's rows into a run's store, and back.
#pragma once

#include <cstdint>

#include "benchmarks/benchmark.h"
#include "runs/run_part.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Fills a store with the part's rows, unless it has samples. Memory does not grow with the data. Gives the
/// number of rows read that contradict themselves. Errors: those of `rows`; missing (a part without rows);
/// those of the store.
Result<std::uint64_t> add_samples(store::RunStore& store, benchmarks::Rows& rows, int answers_a_sample,
                                  const Part& part);

/// A sample as the row of its benchmark that it was made from.
benchmarks::Item item_of(const store::Sample& sample);

}  // namespace holisafe::runs
