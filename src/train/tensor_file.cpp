#include "train/tensor_file.h"

#include <cstring>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "models/dtype.h"
#include "models/weights.h"

namespace holisafe::train {

Result<void> write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata) {
  std::vector<checkpoint::TensorSource> sources;
  for (const auto& [name, tensor] : tensors) sources.push_back(models::source_of(name, tensor));
  return checkpoint::write_safetensors(path, std::move(sources), metadata);
}

Result<NamedTensors> read_tensors(const std::filesystem::path& path) {
  HOLISAFE_TRY(const auto file, checkpoint::SafetensorsFile::open(path));
  NamedTensors out;
  for (const auto& view : file.tensors()) {
    torch::Tensor tensor = torch::empty(view.shape, models::torch_type(view.dtype));
    if (!view.bytes.empty()) std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
    out.emplace(view.name, std::move(tensor));
  }
  return out;
}

}  // namespace holisafe::train
