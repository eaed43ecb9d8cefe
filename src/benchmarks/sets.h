// The benchmarks that there are, for the table (benchmarks.cpp): one file each.
#pragma once

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

const Benchmark& holisafe_bench();  // holisafe.cpp
const Benchmark& vlsbench();        // vlsbench.cpp
const Benchmark& mmmu_bench();      // mmmu.cpp

}  // namespace holisafe::benchmarks
