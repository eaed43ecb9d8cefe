// A run in the benchmark's official format: each row's fields as they stand in the source, in their order,
// then `prediction` (null where nothing came; of an empty answer the text that came), or `predictions`, a
// list of them, where a row has several answers, and, where the model has a guard, `guard` with `label` and
// `scores` (of the first answer). What the source has under these names is left out. `id` comes first where
// the source has none, or another than the benchmark's own.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

/// Writes the file piece by piece while rows are read.
class PredictionWriter {
 public:
  explicit PredictionWriter(WritePiece write) : write_(std::move(write)) {}
  /// A sample with its answers, one at least (RunRows::next_sample()).
  Result<void> add(std::span<const store::Row> answers);
  Result<void> finish();

 private:
  WritePiece write_;
  std::string_view before_ = "[\n";
};

Result<void> prediction_file(const Run& run, const WritePiece& write);

/// Lower-case hexadecimal SHA-256 of that file.
Result<std::string> prediction_sha256(const Run& run);

}  // namespace holisafe::runs
