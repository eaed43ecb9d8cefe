// The flags that say how a checkpoint is read: of commands that run a model and of `train`.
#pragma once

#include <CLI/CLI.hpp>

#include "runs/responder.h"

namespace holisafe::cli {

/// --threads, --template, --vision-tower, --image-aspect.
void add_layout_flags(CLI::App* command, runs::ModelSettings& flags);

}  // namespace holisafe::cli
