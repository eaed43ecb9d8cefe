#include "engine/merge.h"

#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "engine/boundary.h"
#include "engine/engine.h"
#include "guard/write_checkpoint.h"
#include "models/adapter.h"
#include "models/registry/registry.h"
#include "models/weights.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

/// What is merged is the adapter as it is stored, not as rounded to the model's type.
Result<void> keep_precision(const std::string& folder, models::Model& model) {
  HOLISAFE_TRY(const auto adapter, models::read_adapter(folder));
  nn::Visitor visitor;
  visitor.linear = [&adapter](const std::string& name, nn::Linear& linear, nn::Part) {
    if (linear.lora) linear.lora = adapter.modules.at(name);
  };
  model.visit(visitor);
  return {};
}

}  // namespace

Result<std::vector<std::string>> merge(const MergeRequest& request) {
  if (request.adapter.empty() && request.guard.empty())
    return fail(ErrorKind::usage, "nothing to merge", "", "expected --adapter, --guard or both");
  std::error_code code;
  if (fs::exists(request.out, code) &&
      !(fs::is_directory(request.out, code) && fs::is_empty(request.out, code)))
    return fail(ErrorKind::usage, "cannot write checkpoint", request.out,
                "expected no such folder, or an empty one");
  OpenOptions options;
  options.model = request.model;
  options.adapter = request.adapter;
  options.guard = request.guard;
  options.load.vision_tower = request.vision_tower;
  {
    HOLISAFE_TRY(const auto base, checkpoint::Checkpoint::open(request.model));
    HOLISAFE_TRY(options.load.dtype, models::stored_type(base.tensors()));
  }
  options.load.prompts = false;
  HOLISAFE_TRY(auto engine, Engine::open(options));
  if (!request.adapter.empty()) HOLISAFE_CHECK(keep_precision(request.adapter, engine.model()));
  guard::CheckpointRequest written;
  written.base = request.model;
  written.model = &engine.model();
  written.guard = request.guard.empty() ? nullptr : engine.guard();
  written.out = request.out;
  HOLISAFE_CHECK(
      within_boundary("cannot write checkpoint", [&] { return guard::write_checkpoint(written); }));
  auto warnings = engine.warnings();
  if (engine.other_base() && warnings.empty()) warnings.push_back(engine.other_base()->message());
  return warnings;
}

Result<void> synth(const std::string& family, const models::SynthRequest& request) {
  HOLISAFE_TRY(const models::Family* const found, models::family_named(family));
  return within_boundary("cannot make checkpoint", [&] { return found->synth(request); });
}

std::string presets() {
  std::string out;
  for (const auto& family : models::families()) {
    out += (out.empty() ? "" : "; ") + family.name + ":";
    for (const auto& preset : family.presets) out += " " + preset;
  }
  return out;
}

}  // namespace holisafe::engine
