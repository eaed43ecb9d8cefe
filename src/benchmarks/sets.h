// The benchmarks that there are, for the table (benchmarks.cpp): one file each.
#pragma once

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

const Benchmark& holisafe_bench();  // holisafe.cpp

}  // namespace holisafe::benchmarks
