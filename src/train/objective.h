// What an optimizer step computes: all of the model (joint training), or the guard alone on pooled vectors
// computed once.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "train/data_order.h"
#include "train/joint_loss.h"
#include "train/micro_batch.h"
#include "train/process_group.h"
#include "train/samples.h"
#include "train/settings.h"
#include "train/trained_model.h"

namespace holisafe::train {

/// Sample indices of this process's micro-batches of a step.
using StepPlan = std::function<std::vector<std::vector<std::int64_t>>(std::int64_t step)>;

struct StepCounts {
  std::int64_t tokens = 0;  ///< supervised
  std::int64_t images = 0;  ///< labelled samples
};

/// Computes one step after the other, a micro-batch at a time. Not thread-safe.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Makes the micro-batches of a step ready. Errors: those of the data.
  virtual Result<StepCounts> load(std::int64_t step) = 0;
  /// Micro-batches of the step loaded.
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Forward pass of micro-batch i of the step loaded, with gradients.
  virtual Losses losses(std::size_t i) = 0;
  /// Of micro-batch i, the samples whose losses are not finite when computed one by one; all of them where
  /// only together they are.
  virtual Result<std::vector<std::int64_t>> not_finite(std::size_t i) = 0;
};

/// What an objective works on; all of it must outlive it.
struct ObjectiveParts {
  const Settings& settings;
  const SampleSet& set;
  TrainedModel& trained;
  const Collator& collator;
  StepPlan plan;
  std::int64_t steps = 0;  ///< of the whole run
};

/// lm_loss and guard_loss through the whole model; micro-batches of coming steps are made on threads.
std::unique_ptr<Objective> joint_objective(ObjectiveParts parts);

/// guard_loss alone. Pools every distinct set of labelled images once (each process its share), then steps
/// cost next to nothing. Errors: those of the data, network, interrupted, missing (no labelled image).
Result<std::unique_ptr<Objective>> guard_objective(ObjectiveParts parts, ProcessGroup& group,
                                                   Progress* progress, const StopFlag& stop);

}  // namespace holisafe::train
