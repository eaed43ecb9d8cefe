// adapter_config.json as PEFT writes it. Internal to this layer.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/adapter.h"
#include "tokenizer/pattern.h"

namespace holisafe::models {

/// rank_pattern or alpha_pattern: a value for the modules whose path ends in what a pattern says, in the
/// file's order.
using ModuleValues = std::vector<std::pair<tokenizer::Pattern, double>>;

struct AdapterFile {
  AdapterConfig config;
  ModuleValues ranks;
  ModuleValues alphas;
  std::vector<std::string> saved_modules;  ///< modules_to_save
};

/// Errors: those of read_json; unsupported (another peft_type, biases, a way of beginning that changes the
/// base, what this program does not compute: names the field), wrong_type, malformed (a pattern).
Result<AdapterFile> read_adapter_config(const std::filesystem::path& path);

/// The value of the first pattern that one of the module's names ends in, as PEFT decides; else `otherwise`.
/// Errors: those of Pattern::found_in.
Result<double> value_for(const std::vector<std::string>& names, const ModuleValues& values, double otherwise);

}  // namespace holisafe::models
