// The local judge of `bench judge`, for the module's table.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "judge/judging.h"

namespace holisafe::cli {

/// A checkpoint that judges. Its answers' errors are those of decoding an image and of the engine. Errors:
/// those of engine::Engine::open.
Result<judge::LocalAnswer> open_judge(const std::filesystem::path& folder);

}  // namespace holisafe::cli
