// Prediction files as CSV with a head: the benchmark's rows, a column a field.
#pragma once

#include <optional>

#include "base/input_file.h"
#include "benchmarks/benchmark.h"

namespace holisafe::runs {

/// The rows of such a file as JSON lines, for readers of rows: cells are texts, those of the benchmark's
/// typed columns what they are where they can be read so. An empty cell is a field that is not there, one of
/// `prediction` an empty answer. Nothing where the file is no CSV whose head has `prediction` or the
/// benchmark's id. Errors: those of dataset::CsvReader behind the head; duplicate (a name of the head twice);
/// malformed (a record with another number of cells); missing (no rows).
Result<std::optional<InputFile>> rows_of_table(const InputFile& file, const benchmarks::Benchmark& benchmark);

}  // namespace holisafe::runs
