// Writes a Safe-VLM: one Hugging Face checkpoint in its base's own layout, with the guard inside.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "guard/guard.h"
#include "models/model.h"

namespace holisafe::guard {

struct CheckpointRequest {
  std::filesystem::path base;  ///< the checkpoint whose names, types, config and side files are taken
  models::Model* model =
      nullptr;              ///< loaded from `base`; adapters attached to it are merged as they are written
  Guard* guard = nullptr;   ///< takes the place of the base's own; null: that one stays, if there is one
  bool drop_guard = false;  ///< the base's own guard is left out
  bool trained = false;     ///< all weights are the model's; else all but merged ones are the base's bytes
  std::filesystem::path vision_tower;  ///< where the base's tower came from, if it goes inside now
  std::filesystem::path out;           ///< made, or replaced whole; must not be `base`
};

/// A vision tower from a folder of its own stays there, unless `vision_tower` names it: then it is written,
/// with its vision_config and picture settings, in the base's type. The tensors have exactly the names and
/// types of the base's (tensors the model does not use are copied), plus `img_safety_head.*` in float32, and
/// the output projection where an adapter parted it from the embedding; config.json is the base's plus the
/// guard's keys, with `tie_word_embeddings` false then. Weights are merged and converted one at a time.
/// Errors: usage (`out` is `base`), those of Checkpoint::open and of writing.
Result<void> write_checkpoint(const CheckpointRequest& request);

}  // namespace holisafe::guard
