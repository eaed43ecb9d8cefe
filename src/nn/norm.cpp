#include "nn/norm.h"

namespace holisafe::nn {

torch::Tensor RmsNorm::forward(const torch::Tensor& x) const {
  const auto wide = x.to(torch::kFloat32);
  const auto normed = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
  if (unit_offset) return (normed * (weight.to(torch::kFloat32) + 1.0)).to(x.scalar_type());
  return normed.to(x.scalar_type()) * weight.to(x.scalar_type());
}

torch::Tensor LayerNorm::forward(const torch::Tensor& x) const {
  return at::layer_norm(x, {weight.size(0)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), epsilon);
}

}  // namespace holisafe::nn
