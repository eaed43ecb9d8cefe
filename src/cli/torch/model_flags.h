// Opens what the flags of cli/model_flags.h name.
#pragma once

#include "base/result.h"
#include "cli/model_flags.h"
#include "engine/engine.h"

namespace holisafe::cli {

/// A guard that was trained on another base is a warning, or an error if `strict_base`. Errors: usage (no
/// --model), mismatch (the base), those of engine::open_engine.
Result<engine::Engine> open_engine(const ModelFlags& flags, bool strict_base = false);

/// Says on stderr, in a line, what computes: model, hardware, dtype.
void say_hardware(const engine::Engine& engine);

}  // namespace holisafe::cli
