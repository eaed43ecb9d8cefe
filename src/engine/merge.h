// Checkpoints made of other files, or of nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::engine {

struct MergeRequest {
  std::string model;         ///< folder of the base
  std::string adapter;       ///< PEFT folder; may be empty
  std::string guard;         ///< plug-in file; may be empty
  std::string vision_tower;  ///< CLIP folder; may be empty
  std::string out;           ///< folder, not there yet or empty
};

/// Base, adapter and guard as one checkpoint that transformers loads as the base's family. Errors: usage
/// (nothing to merge, `out` is taken), those of Engine::open and guard::write_checkpoint. Gives
/// Engine::warnings() and what is to be said of Engine::other_base().
Result<std::vector<std::string>> merge(const MergeRequest& request);

/// A random checkpoint of a family by its name. Errors: usage (no such family), those of Family::synth.
Result<void> synth(const std::string& family, const models::SynthRequest& request);

/// "llava: tiny 7b …; qwen2_5_vl: …": the presets of each family.
std::string presets();

}  // namespace holisafe::engine
