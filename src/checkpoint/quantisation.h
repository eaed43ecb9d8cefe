// Quantised checkpoints, which are not read: what tells them, so that they are refused by name.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe::checkpoint {

/// Refuses a config.json (`where` names it) that says how its weights are quantised. Errors: unsupported
/// (names the quant_method).
Result<void> refuse_quantised(const nlohmann::json& config, const std::string& where);

/// The methods that write a tensor of this name beside quantised weights ("awq or gptq"); "" for other names.
std::string_view quantisation_of_name(std::string_view tensor);

}  // namespace holisafe::checkpoint
