// Normalisations.
#pragma once

#include <string>

#include "nn/parameters.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// Root-mean-square norm (arXiv 1910.07467), float32 arithmetic. Llama: weight x (x / rms) with x / rms
/// rounded to x's dtype first. With `unit_offset` (Gemma): (1 + weight) x (x / rms) in float32, then rounded.
struct RmsNorm {
  torch::Tensor weight;  ///< [size]
  double epsilon = 1e-6;
  bool unit_offset = false;

  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x) const;
  void visit(const std::string& name, const Visitor& visitor) { visitor.tensor(name + ".weight", weight); }
};

/// Layer norm with weight and bias.
struct LayerNorm {
  torch::Tensor weight;  ///< [size]
  torch::Tensor bias;    ///< [size]
  double epsilon = 1e-5;

  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x) const;
  void visit(const std::string& name, const Visitor& visitor) {
    visitor.tensor(name + ".weight", weight);
    visitor.tensor(name + ".bias", bias);
  }
};

}  // namespace holisafe::nn
