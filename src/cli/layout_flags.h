// The flags that say how a checkpoint is read: of commands that run a model and of `train`.
#pragma once

#include "chat/local_model.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

/// --threads, --template, --vision-tower, --image-aspect.
void add_layout_flags(CLI::App* command, chat::ModelSettings& flags);

}  // namespace holisafe::cli
