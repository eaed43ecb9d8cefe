// LibTorch's names for the element types of checkpoint/dtype.h.
#pragma once

#include <optional>

#include "checkpoint/dtype.h"
#include "nn/tensor.h"

namespace holisafe::models {

torch::ScalarType torch_type(checkpoint::DType dtype);

/// Nothing for a type that files cannot hold.
std::optional<checkpoint::DType> file_dtype(torch::ScalarType type);

}  // namespace holisafe::models
