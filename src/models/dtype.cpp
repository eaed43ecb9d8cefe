#include "models/dtype.h"

namespace holisafe::models {
namespace {

using checkpoint::DType;

constexpr std::pair<DType, torch::ScalarType> types[] = {
    {DType::f64, torch::kFloat64},   {DType::f32, torch::kFloat32}, {DType::f16, torch::kFloat16},
    {DType::bf16, torch::kBFloat16}, {DType::i64, torch::kInt64},   {DType::i32, torch::kInt32},
    {DType::i16, torch::kInt16},     {DType::i8, torch::kInt8},     {DType::u8, torch::kUInt8},
    {DType::boolean, torch::kBool}};

}  // namespace

torch::ScalarType torch_type(DType dtype) {
  for (const auto& [ours, type] : types) {
    if (ours == dtype) return type;
  }
  return torch::ScalarType::Undefined;
}

std::optional<DType> file_dtype(torch::ScalarType type) {
  for (const auto& [ours, known] : types) {
    if (known == type) return ours;
  }
  return std::nullopt;
}

}  // namespace holisafe::models
