// A linear layer over a weight, with room for a low-rank adapter (LoRA, arXiv 2106.09685).
#pragma once

#include <optional>
#include <string>

#include "nn/matrix.h"
#include "nn/parameters.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// A low-rank addition: scale x B(A(dropout(x))), as PEFT computes it. With magnitudes (DoRA, arXiv
/// 2402.09353) the rows of weight and addition together are then scaled to have these norms.
struct Lora {
  torch::Tensor a;                 ///< [rank, in]
  torch::Tensor b;                 ///< [out, rank]
  double scale = 1.0;              ///< lora_alpha / rank
  double dropout = 0;              ///< probability; 0 outside training
  torch::Tensor magnitude = {};    ///< [out], or undefined
  torch::Tensor row_factors = {};  ///< where there are magnitudes: row_factors() of the layer's weight
};

/// What magnitudes multiply the outputs of a layer of this weight by, float32 [out].
torch::Tensor row_factors(const torch::Tensor& weight, const Lora& lora);

/// y = x W^T + bias + adapter. Thread-safe to run.
struct Linear {
  Matrix weight;       ///< [out, in]
  torch::Tensor bias;  ///< [out], or undefined
  std::optional<Lora> lora;

  /// Shapes without numbers, to be loaded.
  static Linear shaped(std::int64_t in, std::int64_t out, bool with_bias = false);

  /// x [..., in] -> [..., out]; the weight is taken in x's dtype.
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x, Rows rows = Rows::together) const;

  /// Adds the adapter to the weight (float32 arithmetic, then the weight's dtype) and drops it.
  void merge();

  void visit(const std::string& name, const Visitor& visitor);
};

/// weight + scale x B A, its rows scaled by the magnitudes, in the weight's dtype.
torch::Tensor merged_weight(const torch::Tensor& weight, const Lora& lora);

}  // namespace holisafe::nn
