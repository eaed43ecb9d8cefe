#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "fuzz/input_folder.h"

namespace {

/// A shard of one tensor.
std::string shard() {
  constexpr std::string_view header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  return std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + std::string(header) + "x";
}

}  // namespace

// The input is a config.json, NUL, then a model.safetensors.index.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("config_fuzz");
  static const auto weights = folder.write("a.safetensors", shard());
  const holisafe::TwoParts input({reinterpret_cast<const char*>(data), size});
  folder.write("config.json", input.first);
  folder.write("model.safetensors.index.json", input.second);
  if (const auto read = holisafe::checkpoint::Checkpoint::open(folder.path())) {
    if (!read->config().is_object() || read->weight_bytes() > 1) std::abort();
  }
  return 0;
}
