#include "nn/linear.h"

#include "nn/vector_functions.h"

namespace holisafe::nn {
namespace {

/// weight + scale x B A in float32.
torch::Tensor sum_with(const torch::Tensor& weight, const Lora& lora) {
  const auto delta = at::mm(lora.b.to(torch::kFloat32), lora.a.to(torch::kFloat32)) * lora.scale;
  return weight.to(torch::kFloat32) + delta;
}

torch::Tensor factors_of(const torch::Tensor& sum, const Lora& lora) {
  settle_vector_functions();
  return lora.magnitude.to(torch::kFloat32) / sum.square().sum(1).sqrt();
}

}  // namespace

Linear Linear::shaped(std::int64_t in, std::int64_t out, bool with_bias) {
  return {Matrix::shaped(out, in), with_bias ? nn::shaped({out}) : torch::Tensor(), std::nullopt};
}

torch::Tensor Linear::forward(const torch::Tensor& x, Rows rows) const {
  if (!lora) return weight.multiply(x, bias, rows);
  const bool scales_rows = lora->row_factors.defined();
  const torch::Tensor plain = weight.multiply(x, scales_rows ? torch::Tensor() : bias, rows);
  const torch::Tensor dropped = lora->dropout > 0 ? at::dropout(x, lora->dropout, /*train=*/true) : x;
  const torch::Tensor low = product(dropped, lora->a, rows);
  torch::Tensor y = at::add(plain, product(low, lora->b, rows), lora->scale);
  if (!scales_rows) return y;
  const torch::Tensor scaled = y * in_type_of(x, lora->row_factors);
  return bias.defined() ? scaled + in_type_of(x, bias) : scaled;
}

torch::Tensor row_factors(const torch::Tensor& weight, const Lora& lora) {
  torch::NoGradGuard no_grad;
  return factors_of(sum_with(weight, lora), lora);
}

torch::Tensor merged_weight(const torch::Tensor& weight, const Lora& lora) {
  torch::NoGradGuard no_grad;
  auto sum = sum_with(weight, lora);
  if (lora.magnitude.defined()) sum = sum * factors_of(sum, lora).unsqueeze(1);
  return sum.to(weight.scalar_type());
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
