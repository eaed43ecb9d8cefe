// A run in the benchmark's official format: each row's fields as they stand in the source, in their order,
// then `prediction` (null where nothing came; of an empty answer the text that came) and, where the model has
// a guard, `guard` with `label` and `scores`. A `prediction` or `guard` that the source has is left out.
#pragma once

#include <string>

#include "base/file.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

/// Writes the file piece by piece while rows are read.
class PredictionWriter {
 public:
  explicit PredictionWriter(WritePiece write) : write_(std::move(write)) {}
  Result<void> add(const store::Row& row);
  Result<void> finish();

 private:
  WritePiece write_;
  std::string_view before_ = "[\n";
};

Result<void> prediction_file(const Run& run, const WritePiece& write);

/// Lower-case hexadecimal SHA-256 of that file.
Result<std::string> prediction_sha256(const Run& run);

}  // namespace holisafe::runs
