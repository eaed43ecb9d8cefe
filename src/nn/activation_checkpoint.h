// Activation checkpointing: a part of the forward pass whose activations are dropped and recomputed in the
// backward pass.
#pragma once

#include <functional>

#include "nn/tensor.h"

namespace holisafe::nn {

/// Runs `part` on `input` so that only `input` is kept for the backward pass; `part` runs again there with
/// the state of the random numbers (dropout) and of autocast that the first run had, so that values and
/// gradients equal those without checkpointing. Weights that `part` captures get their gradients in that
/// second run. Without grad mode `part` simply runs. The re-entrant scheme of
/// torch.utils.checkpoint(use_reentrant=True), except that `input` need not require grad.
torch::Tensor checkpointed(const std::function<torch::Tensor(const torch::Tensor&)>& part,
                           const torch::Tensor& input);

}  // namespace holisafe::nn
