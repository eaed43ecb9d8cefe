// Random Gemma 3 checkpoints in the published files' layout: config.json, tokenizer and processor files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::models::gemma3 {

/// "tiny" for tests, the published sizes, and "4b-6layers" of the 4B's shapes for benchmarks.
std::vector<std::string> presets();

/// Everything of a preset but its weights. Errors: usage (an unknown preset), those of writing.
Result<void> write_side_files(const SynthRequest& request);

/// float32 for the tiny preset, bfloat16 as published for the others.
torch::ScalarType weight_type(const std::string& preset);

/// The published files' name of a canonical tensor.
std::string published_name(const std::string& canonical);

}  // namespace holisafe::models::gemma3
