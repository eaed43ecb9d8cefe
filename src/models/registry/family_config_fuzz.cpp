#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"
#include "fuzz/input_folder.h"
#include "models/gemma3/config.h"
#include "models/llava/config.h"
#include "models/llava/template.h"
#include "models/qwen2_5_vl/config.h"
#include "models/registry/registry.h"

// The input is a config.json, NUL, then the name of a prompt template. Every family reads it, whoever's it
// is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace models = holisafe::models;
  static const holisafe::InputFolder folder("family_config_fuzz");
  const holisafe::TwoParts input({reinterpret_cast<const char*>(data), size});
  folder.write("config.json", input.first);
  const auto config = holisafe::checkpoint::Checkpoint::open_config(folder.path());
  if (!config) return 0;
  static_cast<void>(models::family_of(*config, "config.json"));
  static_cast<void>(models::gemma3::parse_config(*config, "config.json"));
  static_cast<void>(models::qwen2_5_vl::parse_config(*config, "config.json"));
  if (const auto llava = models::llava::parse_config(*config, "config.json", nullptr))
    static_cast<void>(models::llava::template_of(*llava, std::string(input.second)));
  return 0;
}
