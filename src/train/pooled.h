// The vectors a guard sees of labelled samples, computed once with the base frozen.
#pragma once

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "models/model.h"
#include "nn/tensor.h"
#include "train/micro_batch.h"
#include "train/process_group.h"
#include "train/samples.h"

namespace holisafe::train {

/// Pooled vectors of every distinct list of images among labelled samples: a guard's verdict depends on the
/// images alone, which stand before all text.
struct Pooled {
  torch::Tensor vectors;           ///< float32 [distinct lists, hidden_size], on the model's device
  std::vector<std::int64_t> rows;  ///< of each sample of the set; -1: no label or no image

  [[nodiscard]] std::int64_t row(std::int64_t sample) const { return rows[static_cast<std::size_t>(sample)]; }
};

struct PoolingRequest {
  const SampleSet& set;
  models::Model& model;
  const Collator& collator;
  models::GuardPooling pooling;
  std::int64_t batch_size;
};

/// Each process computes its share; all get all vectors. Errors: those of the data; missing (no labelled
/// image), network, interrupted.
Result<Pooled> pool_samples(const PoolingRequest& request, ProcessGroup& group, Progress* progress,
                            const StopFlag& stop);

}  // namespace holisafe::train
