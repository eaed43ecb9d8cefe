// The benchmarks that there are, for the table (benchmarks.cpp): one file each.
#pragma once

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

const Benchmark& holisafe_bench();       // holisafe.cpp
const Benchmark& vlsbench();             // vlsbench.cpp
const Benchmark& mm_safetybench();       // mm_safetybench.cpp
const Benchmark& harmeval();             // harmeval.cpp
const Benchmark& siuo();                 // siuo.cpp
const Benchmark& siuo_mcq_bench();       // siuo_mcq.cpp
const Benchmark& figstep();              // figstep.cpp
const Benchmark& vlguard_bench();        // vlguard.cpp
const Benchmark& mmmu_bench();           // mmmu.cpp
const Benchmark& vizwiz_bench();         // vizwiz.cpp
const Benchmark& mme_realworld_bench();  // mme_realworld.cpp
const Benchmark& mmstar_bench();         // mmstar.cpp

}  // namespace holisafe::benchmarks
