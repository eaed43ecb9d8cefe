// Stands in for src/cli/torch/ in a build without LibTorch: each command exists, and says what it lacks.
#include "cli/commands.h"
#include "cli/program.h"

namespace holisafe::cli {

void add_torch_commands(CLI::App& app) {
  for (const char* name : {"guard", "ask", "model", "train"}) {
    CLI::App* command = declare(app, name, "Not in this build: needs LibTorch", {});
    command->prefix_command();
    on_run(command, [name] {
      return report({ErrorKind::unsupported, "command not in this build", name,
                     "expected a build with LibTorch (-DHOLISAFE_TORCH=ON), found one without"});
    });
  }
}

}  // namespace holisafe::cli
