// The flags of every command that runs a local model.
#pragma once

#include <CLI/CLI.hpp>

#include "runs/responder.h"

namespace holisafe::cli {

using ModelFlags = runs::ModelSettings;

/// --model, --guard, --adapter, --dtype, --device, --threads, --template, --vision-tower, --image-aspect.
/// Whether
/// --model is there is checked by who opens the model, so that a command may have commands of its own.
void add_model_flags(CLI::App* command, ModelFlags& flags);

}  // namespace holisafe::cli
