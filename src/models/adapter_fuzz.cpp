#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "fuzz/input_folder.h"
#include "models/adapter.h"

namespace {

/// Matrices of rank 2 for one layer, under the names that PEFT gives them.
void write_matrices(const std::filesystem::path& folder) {
  static const std::vector<std::uint8_t> zeros(6 * sizeof(float));
  const std::string layer = "base_model.model.model.language_model.layers.0.self_attn.q_proj.";
  const auto matrix = [&](const char* name, std::vector<std::int64_t> shape) {
    holisafe::checkpoint::TensorView out;
    out.name = layer + name;
    out.dtype = holisafe::checkpoint::DType::f32;
    out.shape = std::move(shape);
    out.bytes = std::as_bytes(std::span(zeros));
    return holisafe::checkpoint::source_of(out);
  };
  if (!holisafe::checkpoint::write_safetensors(
          folder / "adapter_model.safetensors",
          {matrix("lora_A.weight", {2, 3}), matrix("lora_B.weight", {3, 2})}, {}))
    std::abort();
}

}  // namespace

// The input is an adapter_config.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("adapter_fuzz");
  static const bool written = (write_matrices(folder.path()), true);
  static_cast<void>(written);
  folder.write("adapter_config.json", {reinterpret_cast<const char*>(data), size});
  if (const auto read = holisafe::models::read_adapter(folder.path())) {
    if (read->modules.size() != 1 || read->modules.begin()->second.a.size(0) != 2) std::abort();
  }
  return 0;
}
