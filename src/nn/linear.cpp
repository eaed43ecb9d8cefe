#include "nn/linear.h"

#include <ATen/autocast_mode.h>

#include "nn/stored_matrix.h"

namespace holisafe::nn {
namespace {

bool casts_itself(const torch::Tensor& x) { return at::autocast::is_autocast_enabled(x.device().type()); }

/// The weight in the input's dtype; under autocast the linear op casts both itself.
torch::Tensor in_dtype_of(const torch::Tensor& weight, const torch::Tensor& x) {
  return casts_itself(x) ? weight : weight.to(x.scalar_type());
}

/// x W^T + bias without an adapter.
torch::Tensor plain(const Linear& layer, const torch::Tensor& x) {
  const torch::Tensor bias = layer.bias.defined() ? in_dtype_of(layer.bias, x) : layer.bias;
  if (casts_itself(x) || !is_stored_matrix(layer.weight, x))
    return at::linear(x, in_dtype_of(layer.weight, x), bias);
  const torch::Tensor y = multiply_stored(x, layer.weight);
  return bias.defined() ? y.add_(bias) : y;
}

}  // namespace

torch::Tensor Linear::forward(const torch::Tensor& x) const {
  torch::Tensor y = plain(*this, x);
  if (!lora) return y;
  const torch::Tensor dropped = lora->dropout > 0 ? at::dropout(x, lora->dropout, /*train=*/true) : x;
  const torch::Tensor low = at::linear(dropped, in_dtype_of(lora->a, x));
  return at::add(y, at::linear(low, in_dtype_of(lora->b, x)), lora->scale);
}

torch::Tensor merged_weight(const torch::Tensor& weight, const Lora& lora) {
  torch::NoGradGuard no_grad;
  const auto delta = at::mm(lora.b.to(torch::kFloat32), lora.a.to(torch::kFloat32)) * lora.scale;
  return (weight.to(torch::kFloat32) + delta).to(weight.scalar_type());
}

void Linear::merge() {
  if (!lora) return;
  weight = merged_weight(weight, *lora);
  lora.reset();
}

void Linear::visit(const std::string& name, const Visitor& visitor) {
  if (visitor.linear) visitor.linear(name, *this, visitor.part);
  visitor.tensor(name + ".weight", weight);
  visitor.tensor(name + ".bias", bias);
}

}  // namespace holisafe::nn
