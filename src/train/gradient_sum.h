// The one exchange of an optimizer step: gradients and figures of all processes, summed in one flat
// all-reduce.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "train/adamw.h"
#include "train/process_group.h"

namespace holisafe::train {

/// Sums the gradients of `tensors` and the numbers in `figures` over all processes, in place, by one
/// all-reduce of a float32 buffer. A tensor with a gradient in any process has one in all of them afterwards.
/// Tensors on another device pass through the host. Error network as ProcessGroup::all_reduce.
Result<void> sum_gradients(ProcessGroup& group, std::vector<TrainedTensor>& tensors,
                           std::span<double> figures);

/// Sums counts (exact to 2^53) over all processes, in place.
Result<void> sum_counts(ProcessGroup& group, std::span<std::int64_t> counts);

}  // namespace holisafe::train
