// What a finished run leaves behind, and its state on the way.
#pragma once

#include <vector>

#include "base/result.h"
#include "train/adamw.h"
#include "train/run_folder.h"
#include "train/settings.h"
#include "train/trained_model.h"

namespace holisafe::train {

/// Writes RUN/adapter (where an adapter was trained), RUN/guard.safetensors and RUN/model, the merged
/// checkpoint in the base's layout. Each is the old one or the new one at any moment. Errors: those of
/// writing.
Result<void> write_outputs(TrainedModel& trained, const Settings& settings);

/// The trained tensors and their optimizer state after `step`; shares their memory.
RunState make_state(std::int64_t step, const std::vector<TrainedTensor>& tensors);

/// Puts a state back. Errors: mismatch (a tensor it lacks, has beyond these, or with another shape).
Result<void> load_state(const RunState& state, std::vector<TrainedTensor>& tensors);

}  // namespace holisafe::train
