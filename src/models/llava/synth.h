// Random LLaVA checkpoints, with every file that this program and transformers load.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::models::llava {

/// tiny (float32, for tests), 7b and 13b (float16, the released shapes), 7b-4layers (the same with four
/// layers of the language model, for benchmarks), tiny-original (the original layout).
std::vector<std::string> presets();

/// Writes one. The same preset and seed give the same bytes. Errors: usage (an unknown preset), those of
/// writing.
Result<void> synth(const SynthRequest& request);

}  // namespace holisafe::models::llava
