#include "nn/linear.h"

namespace holisafe::nn {

Linear Linear::shaped(std::int64_t in, std::int64_t out, bool with_bias) {
  return {Matrix::shaped(out, in), with_bias ? nn::shaped({out}) : torch::Tensor(), std::nullopt};
}

torch::Tensor Linear::forward(const torch::Tensor& x) const {
  torch::Tensor y = weight.multiply(x, bias);
  if (!lora) return y;
  const torch::Tensor dropped = lora->dropout > 0 ? at::dropout(x, lora->dropout, /*train=*/true) : x;
  const torch::Tensor low = at::linear(dropped, in_type_of(x, lora->a));
  return at::add(y, at::linear(low, in_type_of(x, lora->b)), lora->scale);
}

torch::Tensor merged_weight(const torch::Tensor& weight, const Lora& lora) {
  torch::NoGradGuard no_grad;
  const auto delta = at::mm(lora.b.to(torch::kFloat32), lora.a.to(torch::kFloat32)) * lora.scale;
  return (weight.to(torch::kFloat32) + delta).to(weight.scalar_type());
}

void Linear::merge() {
  if (!lora) return;
  weight = merged_weight(weight.floats(), *lora);
  lora.reset();
}

void Linear::visit(const std::string& name, const Visitor& visitor) {
  if (visitor.linear) visitor.linear(name, *this, visitor.part);
  visitor.matrix(name + ".weight", weight);
  visitor.tensor(name + ".bias", bias);
}

}  // namespace holisafe::nn
