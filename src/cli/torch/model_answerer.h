// The answerer that runs a local checkpoint, for `bench run --model` and `bench judge --judge local`.
#pragma once

#include <memory>

#include "base/result.h"
#include "chat/local_model.h"

namespace holisafe::cli {

/// Loads the model; says on stderr what computes. Errors: those of open_engine().
Result<std::unique_ptr<chat::Answerer>> open_model_answerer(const chat::ModelSettings& settings,
                                                            const StopFlag* stop);

}  // namespace holisafe::cli
