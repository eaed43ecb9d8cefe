// A line of verdicts.jsonl.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "verdicts/flagging.h"
#include "verdicts/guard_store.h"

namespace holisafe::verdicts {

/// What verdict_json.h makes of the path and its verdict, then "sha256" (hexadecimal) where the file was
/// read, "width" and "height" where it was decoded, and "gone": true where it is no longer there.
nlohmann::ordered_json to_json(const Line& line, const Flagging& flagging);

}  // namespace holisafe::verdicts
