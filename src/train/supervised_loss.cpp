#include "train/supervised_loss.h"

#include <ATen/ops/_log_softmax.h>
#include <torch/csrc/autograd/custom_function.h>

namespace holisafe::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& weight,
                        const Tensor& targets, std::int64_t chunk) {
    const bool wants_hidden = hidden.requires_grad();
    const bool wants_weight = weight.requires_grad();
    const auto compute = hidden.scalar_type();
    const Tensor matrix = weight.detach().to(compute);  // [V, H]
    const Tensor input = hidden.detach();
    Tensor loss = torch::zeros({}, input.options().dtype(torch::kFloat32));
    Tensor hidden_gradient = wants_hidden ? torch::empty_like(input) : Tensor();
    Tensor weight_gradient = wants_weight ? torch::zeros_like(weight.detach()) : Tensor();
    for (std::int64_t begin = 0; begin < input.size(0); begin += chunk) {
      const std::int64_t count = std::min(chunk, input.size(0) - begin);
      const Tensor rows = input.narrow(0, begin, count);                   // [C, H]
      const Tensor wanted = targets.narrow(0, begin, count).unsqueeze(1);  // [C, 1]
      const Tensor logits = at::mm(rows, matrix.t()).to(torch::kFloat32);  // [C, V]
      Tensor log_probabilities = at::_log_softmax(logits, 1, false);
      loss -= log_probabilities.gather(1, wanted).sum();
      if (!wants_hidden && !wants_weight) continue;
      const Tensor& gradient = log_probabilities.exp_();  // softmax - one-hot
      gradient.scatter_add_(1, wanted, torch::full_like(wanted, -1, gradient.options()));
      const Tensor lowered = gradient.to(compute);
      if (wants_hidden) hidden_gradient.narrow(0, begin, count).copy_(at::mm(lowered, matrix));
      if (wants_weight) weight_gradient += at::mm(lowered.t(), rows).to(weight.scalar_type());
    }
    context->save_for_backward({hidden_gradient, weight_gradient});
    return loss;
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const auto saved = context->get_saved_variables();
    variable_list gradients(4);
    for (std::size_t i = 0; i < 2; ++i) {
      if (saved[i].defined()) gradients[i] = saved[i] * outputs[0].to(saved[i].scalar_type());
    }
    return gradients;
  }
};

}  // namespace

Tensor supervised_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                                std::int64_t chunk) {
  return CrossEntropy::apply(hidden, weight, targets, chunk);
}

}  // namespace holisafe::train
