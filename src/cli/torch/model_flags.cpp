#include "cli/torch/model_flags.h"

#include <fmt/format.h>

#include "cli/program.h"
#include "cli/terminal.h"

namespace holisafe::cli {

Result<engine::Engine> open_engine(const ModelFlags& flags, bool strict_base) {
  if (flags.model.empty()) return fail(ErrorKind::usage, "bad command line", "", "--model is required");
  HOLISAFE_TRY(auto engine, engine::open_engine(flags));
  for (const std::string& warning : engine.warnings()) warn(warning);
  const auto& other = engine.other_base();
  if (other && strict_base) return fail(*other);
  // An adapter without what was trained beside it has said so already.
  if (other && engine.warnings().empty()) warn(other->message());
  return engine;
}

void say_hardware(const engine::Engine& engine) { say(fmt::format("holisafe: {}\n", engine.description())); }

}  // namespace holisafe::cli
