// AdamW (Loshchilov & Hutter, arXiv 1711.05101) with the numerics of torch.optim.AdamW, and clipping by the
// global norm as torch.nn.utils.clip_grad_norm_.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/tensor.h"

namespace holisafe::train {

/// What a trained tensor belongs to; each has its own learning rate.
enum class Group { lora, projector, vision, guard };
inline constexpr int group_count = 4;
std::string_view name(Group group);

/// One trained tensor with its optimizer state. The tensor is a leaf that requires grad; float32.
struct TrainedTensor {
  std::string name;  ///< unique; keys of the checkpoint's state
  torch::Tensor tensor;
  Group group = Group::lora;
  torch::Tensor exp_avg{};     ///< first moment, shape of `tensor`, float32; undefined until its first update
  torch::Tensor exp_avg_sq{};  ///< second moment
  torch::Tensor step{};        ///< float32 scalar: updates this tensor has had
};

/// Coefficients of AdamW; decay acts on tensors of two or more dimensions only.
struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
};

/// Norm over the gradients of all tensors together; tensors without one do not count. float32 arithmetic, as
/// torch.
double gradient_norm(const std::vector<TrainedTensor>& tensors);

/// One update of every tensor that has a gradient, with rates[group] and the gradients scaled by
/// `gradient_scale` (the clipping factor); a tensor without a gradient keeps its value and its state, as in
/// torch. Gradients are then dropped.
void adamw_step(std::vector<TrainedTensor>& tensors, const AdamWOptions& options,
                const double (&rates)[group_count], double gradient_scale);

/// clip_grad_norm_'s factor: min(1, max_norm / (norm + 1e-6)); 1 when max_norm is 0 (no clipping).
double clip_factor(double norm, double max_norm);

}  // namespace holisafe::train
