// What makes a run this run: written as run.json, and compared by --resume.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "train/settings.h"

namespace holisafe::train {

/// `model`: a fingerprint of the base's config, tokenizer, processor and weights (every tensor's name, type
/// and shape, and of its bytes the beginning, the middle and the end); `data`: the SHA-256 of the
/// conversation file; `processes`; `flags`: Settings::identity() with fingerprints of the mixes and of what
/// training starts from. Files are told apart by content, so they may move. Errors: those of reading them.
Result<nlohmann::ordered_json> run_identity(const Settings& settings, int processes);

}  // namespace holisafe::train
