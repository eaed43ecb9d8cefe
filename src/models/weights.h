// Tensors from and to safetensors views.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/safetensors.h"
#include "models/model.h"
#include "nn/tensor.h"

namespace holisafe::models {

/// LibTorch's type of a file's. Errors: unsupported (no floating-point type), naming the tensor.
Result<torch::ScalarType> scalar_type(const checkpoint::TensorView& view);

/// The type that most of a checkpoint's bytes have: what its weights can be mapped in. Errors: unsupported
/// (none holds weights).
Result<torch::ScalarType> stored_type(const std::map<std::string, checkpoint::TensorView>& tensors);

/// A weight in the type and on the device of the options. On the CPU, where the type is the file's and
/// nothing will be written, it is a view of the mapped file, which it keeps open. Errors: unsupported.
Result<torch::Tensor> weight(const checkpoint::TensorView& view, const LoadOptions& options);

/// A random weight of a canonical name and shape: matrices scaled by their inputs, norms near their identity,
/// drawn from seed and name alone.
torch::Tensor random_weight(const std::string& name, at::IntArrayRef sizes, std::uint64_t seed,
                            torch::ScalarType dtype);

/// The tensors that a visit() names, with their shapes.
std::vector<checkpoint::TensorSpec> tensor_specs(const std::function<void(const nn::Visitor&)>& visit);

/// A tensor to write under `name`; holds the tensor. On the CPU or not, contiguous or not.
checkpoint::TensorSource source_of(const std::string& name, const torch::Tensor& tensor);

}  // namespace holisafe::models
