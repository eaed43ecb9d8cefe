// Precompiled for every target that uses LibTorch. Narrow on purpose: the tensor and autograd headers, not torch/torch.h.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/types.h>
