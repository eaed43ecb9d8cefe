#include "nn/mlp.h"

namespace holisafe::nn {

Result<Activation> parse_activation(const std::string& name) {
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::gelu_tanh;
  if (name == "quick_gelu") return Activation::quick_gelu;
  return fail(ErrorKind::unsupported, "cannot use activation", name,
              "expected silu, gelu, gelu_pytorch_tanh or quick_gelu");
}

torch::Tensor activate(Activation activation, const torch::Tensor& x) {
  switch (activation) {
    case Activation::silu:
      return at::silu(x);
    case Activation::gelu:
      return at::gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::quick_gelu:
      return x * at::sigmoid(x * 1.702);
  }
  return x;
}

torch::Tensor GatedMlp::forward(const torch::Tensor& x, Rows rows) const {
  auto gated = gate.forward(x, rows);
  if (rows == Rows::apart) {
    // Of the last few numbers of a tensor an activation gives other bits than of those within it.
    for (std::int64_t row = 0; row < gated.size(0); ++row) gated[row].copy_(activate(activation, gated[row]));
  } else {
    gated = activate(activation, gated);
  }
  return down.forward(gated * up.forward(x, rows), rows);
}

void GatedMlp::visit(const std::string& name, const Visitor& visitor) {
  gate.visit(name + ".gate_proj", visitor);
  up.visit(name + ".up_proj", visitor);
  down.visit(name + ".down_proj", visitor);
}

}  // namespace holisafe::nn
