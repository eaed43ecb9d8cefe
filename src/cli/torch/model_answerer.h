// A local checkpoint as an answerer, for `bench run --model` and `bench judge --judge local`, and as a guard
// of pictures.
#pragma once

#include <memory>

#include "base/result.h"
#include "chat/local_model.h"
#include "cli/torch_module.h"
#include "schedule/scheduler.h"

namespace holisafe::cli {

/// Loads the model; says on stderr what computes. Errors: those of open_engine().
Result<std::unique_ptr<chat::Answerer>> open_model_answerer(const chat::ModelSettings& settings,
                                                            const StopFlag* stop);

/// The same of one with a guard, for `bench run --model --explain`. Errors: those of open_engine(); missing
/// (no guard).
Result<ExplainedModel> open_explained_model(const chat::ModelSettings& settings, const StopFlag* stop);

/// The same of a checkpoint with a guard, for `bench guard --model` and `serve`. Errors: those of
/// open_engine(); missing (no guard).
Result<std::unique_ptr<schedule::Scheduler>> open_guard_scheduler(const chat::ModelSettings& settings,
                                                                  const StopFlag* stop);

}  // namespace holisafe::cli
