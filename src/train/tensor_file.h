// Tensors by name to and from a safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "train/run_folder.h"

namespace holisafe::train {

/// Writes the tensors in the order of their names; a reader sees the old or the new file. Errors:
/// out_of_space, io, unsupported (a dtype that safetensors has no name for).
Result<void> write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata);

/// Reads all tensors into memory of their own. Errors: those of safetensors files.
Result<NamedTensors> read_tensors(const std::filesystem::path& path);

}  // namespace holisafe::train
