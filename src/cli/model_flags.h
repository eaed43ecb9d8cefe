// The flags of every command that runs a local model.
#pragma once

#include <string>

#include "chat/local_model.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

using ModelFlags = chat::ModelSettings;

/// --model, --guard, --adapter, --dtype, --device, --threads, --template, --vision-tower, --image-aspect.
/// Whether
/// --model is there is checked by who opens the model, so that a command may have commands of its own.
void add_model_flags(CLI::App* command, ModelFlags& flags);

/// The same without --model, for commands that name the folder by a flag of their own.
void add_local_flags(CLI::App* command, ModelFlags& flags);

/// --cache-memory, of commands that answer; `otherwise` says how much where it is not given.
void add_cache_flag(CLI::App* command, ModelFlags& flags,
                    const std::string& otherwise = "2 GiB, or what 8 questions need where that is more");

}  // namespace holisafe::cli
