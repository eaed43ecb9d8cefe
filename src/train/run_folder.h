// The folder of a training run: who it belongs to, its checkpoints, and how a resumed run finds the newest
// whole one.
//
//   RUN/run.json              what the run is: base model, data, every flag that changes the result
//   RUN/metrics.jsonl         a line a step
//   RUN/checkpoints/step-N/   trained.safetensors, optimizer.safetensors, checkpoint.json (their SHA-256,
//   written last)
//
// A checkpoint appears whole (base/folder.h), so that one under its final name is whole
// unless the disk lost something; the sums in checkpoint.json find that.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "nn/tensor.h"

namespace holisafe::train {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// What a checkpoint holds.
struct RunState {
  std::int64_t step = 0;   ///< steps done
  NamedTensors trained;    ///< trained weights by name
  NamedTensors optimizer;  ///< optimizer state: <name>.exp_avg, <name>.exp_avg_sq, <name>.step
};

/// Says how `found` differs from `expected` (both as run.json holds them: model, data, processes, flags): an
/// error mismatch whose `where` is `model`, `data`, `processes` or the flag.
Result<void> same_run(const nlohmann::ordered_json& expected, const nlohmann::ordered_json& found);

/// A run's folder. Only one process may write it.
class RunFolder {
 public:
  /// Makes the folder of a new run, or opens that of an old one if `resume`. An old run of another identity,
  /// or an old run without `resume`, is refused and left as it is. Errors: usage (exists already), mismatch,
  /// and those of files.
  static Result<RunFolder> open(const std::filesystem::path& path, bool resume,
                                const nlohmann::ordered_json& identity);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// The newest whole checkpoint; nothing if there is none. Torn ones on the way are named in `warnings`.
  std::optional<RunState> newest(std::vector<std::string>& warnings) const;

  /// The checkpoint of one step. Errors: not_found, malformed, mismatch (a sum), and those of safetensors.
  [[nodiscard]] Result<RunState> load(std::int64_t step) const;

  /// Writes a checkpoint, then removes all but the newest `keep`. Errors: out_of_space, io; older checkpoints
  /// then stay.
  Result<void> save(const RunState& state, std::int64_t keep) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  [[nodiscard]] std::vector<std::int64_t> steps() const;  ///< newest first

  std::filesystem::path path_;
};

}  // namespace holisafe::train
