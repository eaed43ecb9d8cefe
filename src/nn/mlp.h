// Feed-forward blocks.
#pragma once

#include <string>

#include "base/result.h"
#include "nn/linear.h"
#include "nn/tensor.h"

namespace holisafe::nn {

enum class Activation { silu, gelu, gelu_tanh, quick_gelu };

/// A config's `hidden_act` or `hidden_activation`. Errors: unsupported (names the known ones).
Result<Activation> parse_activation(const std::string& name);

torch::Tensor activate(Activation activation, const torch::Tensor& x);

/// down(activation(gate(x)) * up(x)), as in Llama (SwiGLU) and Gemma (GeGLU).
struct GatedMlp {
  Linear gate;
  Linear up;
  Linear down;
  Activation activation = Activation::silu;

  /// x [..., hidden size].
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x, Rows rows = Rows::together) const;
  /// Canonical names gate_proj, up_proj, down_proj.
  void visit(const std::string& name, const Visitor& visitor);
};

}  // namespace holisafe::nn
