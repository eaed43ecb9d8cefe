#include "models/registry/registry.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/gemma3/gemma3.h"
#include "models/llava/llava.h"
#include "models/qwen2_5_vl/qwen2_5_vl.h"

namespace holisafe::models {
namespace {

std::string known() {
  std::string names;
  for (const Family& family : families()) names += (names.empty() ? "" : ", ") + family.name;
  return names;
}

}  // namespace

std::span<const Family> families() {
  static const std::vector<Family> table{llava::family(), qwen2_5_vl::family(), gemma3::family()};
  return table;
}

Result<const Family*> family_of(const nlohmann::json& config, const std::string& where) {
  for (const Family& family : families()) {
    if (family.recognise(config)) return &family;
  }
  const auto type = config.is_object() ? config.find("model_type") : config.end();
  const std::string found = config.is_object() && type != config.end() ? type->dump() : "none";
  return fail(ErrorKind::unsupported, "cannot use checkpoint", where,
              "model_type: expected one of " + known() + ", found " + found);
}

Result<const Family*> family_named(const std::string& name) {
  for (const Family& family : families()) {
    if (family.name == name) return &family;
  }
  return fail(ErrorKind::usage, "no such model family", name, "expected one of " + known());
}

Result<std::unique_ptr<Model>> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  HOLISAFE_TRY(const auto config, checkpoint::Checkpoint::open_config(folder));
  HOLISAFE_TRY(const Family* const family, family_of(config, (folder / "config.json").string()));
  return family->load(folder, options);
}

}  // namespace holisafe::models
