// A policy and its decisions in JSON, the same wherever they are told of.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "policy/policy.h"

namespace holisafe::policy {

/// {"name", "version"}.
nlohmann::ordered_json to_json(const Policy& policy);

/// Adds action, fired (names of classes) and policy.
void add_decision(nlohmann::ordered_json& out, const Policy& policy, const Decision& decision);

}  // namespace holisafe::policy
