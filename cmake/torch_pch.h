// Precompiled for every target that uses LibTorch. Narrow on purpose: tensors, autograd, not torch/torch.h.
#pragma once
#include <ATen/ATen.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/autograd/variable.h>
#include <torch/types.h>

#include <fmt/format.h>
