// Paths as verdicts/verdict_json.h puts them into JSON, read back.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"

namespace holisafe::moderation {

/// The bytes of the path under `key`, or under KEY_bytes (base64) where that is there. Errors, with an empty
/// `where`: missing, wrong_type (no text), malformed (no base64; empty, or a NUL in it).
Result<std::string> path_in(const nlohmann::json& object, const std::string& key);

}  // namespace holisafe::moderation
