// The place where a trainer puts activation checkpointing.
#pragma once

#include <functional>

#include "nn/tensor.h"

namespace holisafe::nn {

/// Runs a layer: `part` on its input.
using LayerHook = std::function<torch::Tensor(const std::function<torch::Tensor(const torch::Tensor&)>& part,
                                              const torch::Tensor&)>;

}  // namespace holisafe::nn
