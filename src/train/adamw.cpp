#include "train/adamw.h"

#include <algorithm>
#include <array>

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>

namespace holisafe::train {

std::string_view name(Group group) {
  switch (group) {
    case Group::lora:
      return "lora";
    case Group::projector:
      return "projector";
    case Group::vision:
      return "vision";
    case Group::guard:
      return "guard";
  }
  return "";
}

double gradient_norm(const std::vector<TrainedTensor>& tensors) {
  std::vector<torch::Tensor> gradients;
  for (const auto& trained : tensors) {
    if (trained.tensor.grad().defined()) gradients.push_back(trained.tensor.grad());
  }
  if (gradients.empty()) return 0.0;
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)), 2).item<double>();
}

double clip_factor(double norm, double max_norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
}

void adamw_step(std::vector<TrainedTensor>& tensors, const AdamWOptions& options,
                const double (&rates)[group_count], double gradient_scale) {
  torch::NoGradGuard no_grad;
  struct Lists {
    std::vector<torch::Tensor> tensors, gradients, exp_avgs, exp_avg_sqs, steps;
  };
  std::array<std::array<Lists, 2>, group_count> batches;  // by group, then without and with decay
  for (auto& trained : tensors) {
    torch::Tensor& gradient = trained.tensor.mutable_grad();
    if (!gradient.defined()) continue;
    if (!trained.exp_avg.defined()) {
      trained.exp_avg = torch::zeros_like(trained.tensor, torch::MemoryFormat::Contiguous);
      trained.exp_avg_sq = torch::zeros_like(trained.exp_avg);
      trained.step = torch::zeros({}, trained.tensor.options().dtype(torch::kFloat32));
    }
    trained.step += 1;
    Lists& lists = batches[static_cast<std::size_t>(trained.group)][trained.tensor.dim() >= 2 ? 1 : 0];
    lists.tensors.push_back(trained.tensor);
    lists.gradients.push_back(gradient.contiguous());
    lists.exp_avgs.push_back(trained.exp_avg);
    lists.exp_avg_sqs.push_back(trained.exp_avg_sq);
    lists.steps.push_back(trained.step);
    gradient.reset();
  }
  for (std::size_t group = 0; group < group_count; ++group) {
    for (std::size_t decays = 0; decays < 2; ++decays) {
      Lists& lists = batches[group][decays];
      if (lists.tensors.empty()) continue;
      if (gradient_scale != 1.0) at::_foreach_mul_(lists.gradients, gradient_scale);
      at::_fused_adamw_(lists.tensors, lists.gradients, lists.exp_avgs, lists.exp_avg_sqs, {}, lists.steps,
                        rates[group], options.beta1, options.beta2, decays == 1 ? options.weight_decay : 0.0,
                        options.epsilon,
                        /*amsgrad=*/false, /*maximize=*/false);
    }
  }
}

}  // namespace holisafe::train
