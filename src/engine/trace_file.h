// A trace as a file.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "engine/engine.h"

namespace holisafe::engine {

/// Writes its stages as safetensors under the names of Trace's members; those that are not there are left
/// out. The user names the file. Errors: those of write_safetensors.
Result<void> write(const Trace& trace, const std::filesystem::path& file);

}  // namespace holisafe::engine
