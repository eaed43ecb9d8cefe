// Opens what the flags of cli/model_flags.h name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/model_flags.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::cli {

/// Errors: usage (no --model, a bad dtype or device), those of Engine::open.
Result<engine::Engine> open_engine(const ModelFlags& flags);

/// The images of one prompt, decoded and processed. Errors: those of image::load and Engine::process, naming
/// the file.
Result<std::vector<models::ProcessedImage>> load_images(const engine::Engine& engine,
                                                        const std::vector<std::string>& files,
                                                        const image::DecodeOptions& options);

/// Says on stderr, in a line, what computes: model, hardware, dtype.
void say_hardware(const engine::Engine& engine);

}  // namespace holisafe::cli
