// The family Qwen2.5-VL (arXiv 2502.13923) and the Safe-VLMs made from it: its line of the registry.
#pragma once

#include "models/model.h"

namespace holisafe::models::qwen2_5_vl {

/// `model_type` "qwen2_5_vl"; presets as `synth` knows them.
Family family();

/// A model of a folder's tokenizer and processor and of a config.json, its weights still without storage.
/// Errors: those of Tokenizer::open, parse_config, parse_processor; mismatch (tokenizer and config.json
/// disagree on the image token); missing (a token of the template).
Result<std::unique_ptr<Model>> make(const std::filesystem::path& folder, const nlohmann::json& config);

/// Opens a checkpoint directory. Errors: those of make, Checkpoint::open, load_weights; usage (an option of
/// other families).
Result<std::unique_ptr<Model>> load(const std::filesystem::path& folder, const LoadOptions& options);

/// Writes a random checkpoint in the layout of the released files. Errors: usage (an unknown
/// preset), those of writing.
Result<void> synth(const SynthRequest& request);

/// Names of the presets.
const std::vector<std::string>& presets();

}  // namespace holisafe::models::qwen2_5_vl
