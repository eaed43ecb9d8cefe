// `holisafe train`: a vision-language model and data in, a Safe-VLM out.
//
//   Settings settings;                       // train/settings.h
//   ...
//   HOLISAFE_CHECK(train(settings, {&progress, stop_flag, warn}));
//
// A step takes its samples (data_order.h), computes the losses of each micro-batch (objective.h), sums
// gradients over all processes (gradient_sum.h), clips, and updates (adamw.h). Random numbers depend on the
// seed, the step and the micro-batch alone, so that a resumed run, and a run on another number of processes,
// draws the same.
#pragma once

#include <functional>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "train/settings.h"

namespace holisafe::train {

/// How a run is watched.
struct Watch {
  Progress* progress = nullptr;  ///< steps; may be null
  const StopFlag& stop;          ///< ends the run after the step in progress, with a checkpoint
  /// Torn checkpoints, an adapter's missing parts, answers that --max-length cuts.
  std::function<void(const std::string&)> warn;
};

/// Trains and writes RUN. Call it in every process of a run. Before the first step every picture's first
/// bytes and the lengths of the answers are looked at; an error after it leaves a checkpoint of the last
/// whole step and names --resume. Errors: those of Settings::check, read_samples, check_pictures,
/// cut_answers_warning, prepare, RunFolder::open, join; interrupted; not_finite (a loss or gradient; names
/// the sample ids); out_of_memory, internal (LibTorch).
Result<void> train(const Settings& settings, const Watch& watch);

}  // namespace holisafe::train
