// The forward pass of training: one micro-batch through vision tower, decoder and guard, to the two losses.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/tensor.h"
#include "train/micro_batch.h"
#include "train/settings.h"
#include "train/trained_model.h"

namespace holisafe::train {

/// Sums over a micro-batch; the caller divides by the counts of the whole optimizer step.
struct Losses {
  torch::Tensor lm;          ///< float32 scalar: cross-entropies of all supervised tokens; undefined: none
  torch::Tensor guard;       ///< float32 scalar: those of all labelled samples; undefined: none
  std::int64_t correct = 0;  ///< labelled samples whose most probable class is their label
};

/// How a micro-batch is computed.
struct ForwardOptions {
  double guard_dropout = 0;
  bool guard_detach = false;            ///< the guard's gradient stops at its input
  bool checkpoint_activations = false;  ///< layers and the vision tower run again in the backward pass
  bool autocast = false;                ///< linear algebra in bfloat16
  bool lm_loss = true;                  ///< else the guard's alone; the decoder runs only if the guard asks
};
ForwardOptions forward_options(const Settings& settings);

/// Gradients flow to what learns in `trained` unless grad mode is off. Not thread-safe: sets the decoder's
/// layer hook.
Losses joint_losses(TrainedModel& trained, const MicroBatch& batch, const ForwardOptions& options);

/// Pooled vectors float32 [labelled samples, hidden_size] of a micro-batch, without gradient.
torch::Tensor pooled_vectors(models::Model& model, models::GuardPooling pooling, const MicroBatch& batch);

/// The guard's part of the losses: logits [S, 20] against labels i64 [S].
Losses guard_losses(const torch::Tensor& logits, const torch::Tensor& labels);

}  // namespace holisafe::train
