// A set's data as the user named them. Where another set's lie there, the error says whose.
#pragma once

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

/// Benchmark::open. Errors: its own; not_found names the set whose files and rows lie there, if it is known.
Result<std::unique_ptr<Rows>> open_set(const Benchmark& benchmark, const DataPlace& data);
/// Benchmark::read_all, likewise.
Result<Contents> read_set(const Benchmark& benchmark, const DataPlace& data, const OnItem& on_item);

}  // namespace holisafe::benchmarks
