// A command's flags from a TOML file: keys are the flags' names.
#pragma once

#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

/// Sets the command's flags from `path`, but those given on the command line, which win. A value is a string,
/// number, boolean, or a list of them for a flag that takes several. Errors: those of read_file, malformed
/// (with line and column), usage (a key that is no flag, or a value the flag does not take; names key and
/// line).
Result<void> apply_config(CLI::App& command, const std::string& path);

}  // namespace holisafe::cli
