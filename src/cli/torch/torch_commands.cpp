// The table of the module: the commands that need LibTorch, in the order of help.
#include "cli/torch_module.h"

namespace holisafe::cli {
namespace {

void add_commands(CLI::App&) {}

}  // namespace
}  // namespace holisafe::cli

extern "C" const holisafe::cli::TorchModule* holisafe_torch_module() {
  static constexpr holisafe::cli::TorchModule module{holisafe::cli::add_commands};
  return &module;
}
