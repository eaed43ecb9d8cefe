// `holisafe model info`: what a folder is and what will be loaded.
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/verdict_json.h"
#include "engine/device.h"
#include "guard/file.h"
#include "models/adapter.h"
#include "models/weights.h"

namespace holisafe::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Flags {
  std::string path;
  std::string vision_tower;
  bool json = false;
};

Json parameters_of(models::Model& model, const guard::Guard* guard) {
  std::map<nn::Part, std::int64_t> counts;
  nn::Visitor visitor;
  visitor.parameter = [&counts](const nn::Parameter& parameter) {
    counts[parameter.part] += parameter.tensor->numel();
  };
  model.visit(visitor);
  if (guard != nullptr) {
    for (const auto& layer : guard->layers())
      counts[nn::Part::guard] += layer.weight.numel() + layer.bias.numel();
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
          {"classes", guard.layers().back().weight.size(0)},
          {"temperature", info.temperature},
          {"thresholds", info.thresholds.empty() ? Json() : Json(info.thresholds)}};
}

Result<Json> describe_model(const Flags& flags) {
  engine::OpenOptions options;
  options.model = flags.path;
  options.load.vision_tower = flags.vision_tower;
  HOLISAFE_TRY(const auto checkpoint, checkpoint::Checkpoint::open(flags.path));
  HOLISAFE_TRY(options.load.dtype, models::stored_type(checkpoint.tensors()));
  HOLISAFE_TRY(const auto engine, engine::Engine::open(options));
  const models::ModelInfo& info = engine.model().info();
  const nn::DecoderConfig& text = engine.model().decoder().config();
  return Json{{"path", flags.path},
              {"kind", "model"},
              {"family", info.family},
              {"model_type", info.model_type},
              {"layout", info.layout},
              {"dtype", engine::name(options.load.dtype)},
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

Result<Json> describe_adapter(const std::string& folder) {
  HOLISAFE_TRY(const auto adapter, models::read_adapter(folder));
  std::set<std::string> targets;
  for (const auto& [module, matrices] : adapter.modules) targets.insert(module.substr(module.rfind('.') + 1));
  return Json{{"path", folder},
              {"kind", "adapter"},
              {"base_model", adapter.config.base_model},
              {"rank", adapter.config.rank},
              {"alpha", adapter.config.alpha},
              {"modules", adapter.modules.size()},
              {"targets", targets}};
}

Result<Json> describe(const Flags& flags) {
  std::error_code code;
  const fs::path path(flags.path);
  if (fs::is_regular_file(path, code)) {
    HOLISAFE_TRY(const auto guard, guard::read(path));
    return Json{{"path", flags.path},
                {"kind", "guard"},
                {"model_type", guard.info().model_type},
                {"guard", guard_json(guard)}};
  }
  const bool adapter =
      fs::exists(path / "adapter_config.json", code) && !fs::exists(path / "config.json", code);
  return adapter ? describe_adapter(flags.path) : describe_model(flags);
}

std::string text_of(const Json& info) {
  std::string out;
  for (const auto& [key, value] : info.items()) {
    std::string text = value.is_string() ? value.get<std::string>() : value.is_null() ? "none" : value.dump();
    if (value.is_object()) {
      text.clear();
      for (const auto& [name, item] : value.items()) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                            item.is_string() ? item.get<std::string>() : item.dump());
      }
    }
    out += fmt::format("{:<20} {}\n", key, one_line(text));
  }
  return out;
}

int run_info(const Flags& flags) {
  const auto info = describe(flags);
  if (!info) return report(info.error());
  fmt::print("{}", flags.json ? json_line(*info) : text_of(*info));
  return exit_ok;
}

}  // namespace

void add_model_info(CLI::App& model) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(
      model, "info", "Say what a folder or file is: model, adapter or guard, sizes, what will be loaded",
      {"holisafe model info SafeLLaVA-7B", "holisafe model info SafeLLaVA-7B --json"});
  command->add_option("PATH", flags->path, "Checkpoint folder, adapter folder, or guard file")->required();
  command->add_option("--vision-tower", flags->vision_tower,
                      "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside");
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags] { return run_info(*flags); });
}

}  // namespace holisafe::cli
