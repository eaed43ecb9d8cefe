// `holisafe model info`: what a folder is and what will be loaded.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include <fmt/format.h>

#include "base/json_line.h"
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/type_names.h"
#include "engine/describe.h"

namespace holisafe::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InfoFlags {
  std::string path;
  std::string vision_tower;
  bool json = false;
};

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

int run_info(const InfoFlags& flags) {
  const auto info = engine::describe(flags.path, flags.vision_tower);
  if (!info) return report(info.error());
  fmt::print("{}", flags.json ? json_line(*info) : text_of(*info));
  return exit_ok;
}

}  // namespace

void add_model_info(CLI::App& model) {
  auto flags = std::make_shared<InfoFlags>();
  CLI::App* command = declare(
      model, "info", "Say what a folder or file is: model, adapter or guard, sizes, what will be loaded",
      {"holisafe model info SafeLLaVA-7B", "holisafe model info SafeLLaVA-7B --json"});
  command->add_option("PATH", flags->path, "Checkpoint folder, adapter folder, or guard file")->required();
  command
      ->add_option("--vision-tower", flags->vision_tower,
                   "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside")
      ->type_name(folder_type);
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags] { return run_info(*flags); });
}

}  // namespace holisafe::cli
