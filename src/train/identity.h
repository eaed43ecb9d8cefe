// What makes a run this run: written as run.json, and compared by --resume.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "train/settings.h"

namespace holisafe::train {

/// `model`: the base's fingerprint (checkpoint/fingerprint.h); `data`: the SHA-256 of the
/// conversation file; `processes`; `flags`: Settings::identity() with fingerprints of the mixes and of what
/// training starts from. Files are told apart by content, so they may move. Errors: those of reading them.
Result<nlohmann::ordered_json> run_identity(const Settings& settings, int processes);

}  // namespace holisafe::train
