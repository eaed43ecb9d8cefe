#include "engine/describe.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "checkpoint/checkpoint.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "guard/file.h"
#include "models/adapter.h"
#include "models/weights.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json parameters_of(models::Model& model, const guard::Guard* guard) {
  std::map<nn::Part, std::int64_t> counts;
  nn::Visitor visitor;
  visitor.parameter = [&counts](const nn::Parameter& parameter) {
    counts[parameter.part] += parameter.count();
  };
  model.visit(visitor);
  if (guard != nullptr) {
    for (const auto& layer : guard->layers())
      counts[nn::Part::guard] += layer.weight.rows() * layer.weight.columns() + layer.bias.numel();
  }
  return {{"vision", counts[nn::Part::vision]},
          {"projector", counts[nn::Part::projector]},
          {"language", counts[nn::Part::language]},
          {"guard", counts[nn::Part::guard]}};
}

Json guard_json(const guard::Guard& guard) {
  const guard::GuardInfo& info = guard.info();
  return {{"pooling", guard::name(info.pooling)},
          {"hidden_size", info.hidden_size},
          {"hidden_layers", guard.hidden_layers()},
          {"classes", guard.layers().back().weight.rows()},
          {"temperature", info.temperature},
          {"thresholds", info.thresholds.empty() ? Json() : Json(info.thresholds)}};
}

Result<Json> describe_model(const fs::path& path, const fs::path& vision_tower) {
  OpenOptions options;
  options.model = path;
  options.load.vision_tower = vision_tower;
  options.load.prompts = false;
  HOLISAFE_TRY(const auto checkpoint, checkpoint::Checkpoint::open(path));
  HOLISAFE_TRY(options.load.dtype, models::stored_type(checkpoint.tensors()));
  HOLISAFE_TRY(const auto engine, Engine::open(options));
  const models::ModelInfo& info = engine.model().info();
  const nn::DecoderConfig& text = engine.model().decoder().config();
  return Json{{"path", path.string()},
              {"kind", "model"},
              {"family", info.family},
              {"model_type", info.model_type},
              {"layout", info.layout},
              {"dtype", name(options.load.dtype)},
              {"bytes", checkpoint.weight_bytes()},
              {"tensors", checkpoint.tensors().size()},
              {"parameters", parameters_of(engine.model(), engine.guard())},
              {"hidden_size", info.hidden_size},
              {"num_layers", info.num_layers},
              {"num_heads", text.num_heads},
              {"num_key_value_heads", text.num_key_value_heads},
              {"vocab_size", info.vocab_size},
              {"context_length", info.context_length},
              {"image_token_id", info.image_token_id},
              {"stop_token_ids", info.stop_token_ids},
              {"guard", engine.guard() == nullptr ? Json() : guard_json(*engine.guard())}};
}

Result<Json> describe_adapter(const fs::path& folder) {
  HOLISAFE_TRY(const auto adapter, models::read_adapter(folder));
  std::set<std::string> targets;
  for (const auto& [module, matrices] : adapter.modules) targets.insert(module.substr(module.rfind('.') + 1));
  auto beside = Json::array();
  for (const auto& [part, sum] : adapter.config.trained_beside) beside.push_back(part);
  return Json{{"path", folder.string()},
              {"kind", "adapter"},
              {"base_model", adapter.config.base_model},
              {"rank", adapter.config.rank},
              {"alpha", adapter.config.alpha},
              {"modules", adapter.modules.size()},
              {"trained_beside", beside},
              {"targets", targets}};
}

}  // namespace

Result<Json> describe(const fs::path& path, const fs::path& vision_tower) {
  std::error_code code;
  if (fs::is_regular_file(path, code)) {
    HOLISAFE_TRY(const auto guard, guard::read(path));
    return Json{{"path", path.string()},
                {"kind", "guard"},
                {"model_type", guard.info().model_type},
                {"guard", guard_json(guard)}};
  }
  const bool adapter =
      fs::exists(path / "adapter_config.json", code) && !fs::exists(path / "config.json", code);
  return adapter ? describe_adapter(path) : describe_model(path, vision_tower);
}

}  // namespace holisafe::engine
