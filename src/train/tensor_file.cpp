#include "train/tensor_file.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "checkpoint/safetensors.h"

namespace holisafe::train {
namespace {

using checkpoint::DType;

constexpr std::pair<torch::ScalarType, DType> types[] = {
    {torch::kFloat64, DType::f64},   {torch::kFloat32, DType::f32}, {torch::kFloat16, DType::f16},
    {torch::kBFloat16, DType::bf16}, {torch::kInt64, DType::i64},   {torch::kInt32, DType::i32},
    {torch::kInt16, DType::i16},     {torch::kInt8, DType::i8},     {torch::kUInt8, DType::u8},
    {torch::kBool, DType::boolean}};

}  // namespace

Result<void> write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                           const std::map<std::string, std::string>& metadata) {
  std::vector<checkpoint::TensorSource> sources;
  for (const auto& [name, tensor] : tensors) {
    const auto type = std::find_if(std::begin(types), std::end(types),
                                   [&](const auto& pair) { return pair.first == tensor.scalar_type(); });
    if (type == std::end(types)) {
      return fail(ErrorKind::unsupported, "cannot write tensor", fmt::format("{}: {}", path.string(), name),
                  "its element type");
    }
    sources.push_back({name, type->second, tensor.sizes().vec(), [tensor](const WritePiece& write) {
                         const torch::Tensor bytes = tensor.detach().to(torch::kCPU).contiguous();
                         return write({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()});
                       }});
  }
  return checkpoint::write_safetensors(path, std::move(sources), metadata);
}

Result<NamedTensors> read_tensors(const std::filesystem::path& path) {
  HOLISAFE_TRY(const auto file, checkpoint::SafetensorsFile::open(path));
  NamedTensors out;
  for (const auto& view : file.tensors()) {
    const auto type = std::find_if(std::begin(types), std::end(types),
                                   [&](const auto& pair) { return pair.second == view.dtype; });
    torch::Tensor tensor = torch::empty(view.shape, type->first);
    if (!view.bytes.empty()) std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
    out.emplace(view.name, std::move(tensor));
  }
  return out;
}

}  // namespace holisafe::train
