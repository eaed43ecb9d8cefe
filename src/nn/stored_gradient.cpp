#include "nn/stored_gradient.h"

#include <algorithm>
#include <cstdint>

#include <torch/csrc/autograd/custom_function.h>

namespace holisafe::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// grad [rows, out] times weight [out, in] of 16 bits.
torch::Tensor times_widened(const torch::Tensor& grad, const torch::Tensor& weight) {
  const std::int64_t features = weight.size(0);
  const std::int64_t step = std::clamp(widened_floats / std::max(std::int64_t{1}, weight.size(1)),
                                       std::int64_t{1}, std::max(std::int64_t{1}, features));
  auto out = at::zeros({grad.size(0), weight.size(1)}, grad.options());
  const auto wide = at::empty({step, weight.size(1)}, grad.options());
  for (std::int64_t begin = 0; begin < features; begin += step) {
    const std::int64_t count = std::min(step, features - begin);
    auto piece = wide.narrow(0, 0, count);
    piece.copy_(weight.narrow(0, begin, count));
    out.addmm_(grad.narrow(1, begin, count), piece);
  }
  return out;
}

struct StoredLinear : torch::autograd::Function<StoredLinear> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               StoredProduct product) {
    context->save_for_backward({weight});
    return product(x, weight);
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const torch::Tensor weight = context->get_saved_variables()[0];
    auto sizes = outputs[0].sizes().vec();
    sizes.back() = weight.size(1);
    const auto grad = outputs[0].reshape({-1, weight.size(0)});
    return {times_widened(grad, weight).view(sizes), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor product_with_gradient(StoredProduct product, const torch::Tensor& x,
                                    const torch::Tensor& weight) {
  return StoredLinear::apply(x, weight, product);
}

}  // namespace holisafe::nn
