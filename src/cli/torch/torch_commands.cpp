// The commands that need LibTorch, in the order of help.
#include "cli/commands.h"
#include "cli/program.h"

namespace holisafe::cli {

void add_torch_commands(CLI::App&) {}

}  // namespace holisafe::cli
