// The table of model families: a family is its folder under models/ and a line here.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "models/model.h"

namespace holisafe::models {

/// All families, in the order in which they are asked whether a config.json is theirs.
std::span<const Family> families();

/// The family of a config.json. Errors: unsupported (names its model_type and the known families).
Result<const Family*> family_of(const nlohmann::json& config, const std::string& where);

/// The family of that name. Errors: usage (names the known ones).
Result<const Family*> family_named(const std::string& name);

/// Opens a checkpoint directory of whichever family. Errors: those of family_of and of Family::load.
Result<std::unique_ptr<Model>> load_model(const std::filesystem::path& folder, const LoadOptions& options);

}  // namespace holisafe::models
