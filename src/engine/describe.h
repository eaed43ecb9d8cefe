// What a folder or file is, without running it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace holisafe::engine {

/// Of a checkpoint: path, kind "model", family, model_type, layout, dtype, bytes, tensors, parameters, sizes,
/// stop tokens, guard; `vision_tower`: a CLIP folder for an original LLaVA without its own. Of an adapter:
/// kind "adapter", base_model, rank, alpha, modules, targets. Of a guard file: kind "guard", model_type,
/// guard. Errors: those of opening them.
Result<nlohmann::ordered_json> describe(const std::filesystem::path& path,
                                        const std::filesystem::path& vision_tower);

}  // namespace holisafe::engine
