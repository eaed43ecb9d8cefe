// Opens what the flags of cli/model_flags.h name.
#pragma once

#include "base/result.h"
#include "cli/model_flags.h"
#include "engine/engine.h"

namespace holisafe::cli {

/// Errors: usage (no --model), those of engine::open_engine.
Result<engine::Engine> open_engine(const ModelFlags& flags);

/// Says on stderr, in a line, what computes: model, hardware, dtype.
void say_hardware(const engine::Engine& engine);

}  // namespace holisafe::cli
