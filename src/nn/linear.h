// A linear layer over a weight, with room for a low-rank adapter (LoRA, arXiv 2106.09685).
#pragma once

#include <optional>
#include <string>

#include "nn/matrix.h"
#include "nn/parameters.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// A low-rank addition: scale x B(A(dropout(x))), as PEFT computes it.
struct Lora {
  torch::Tensor a;     ///< [rank, in]
  torch::Tensor b;     ///< [out, rank]
  double scale = 1.0;  ///< lora_alpha / rank
  double dropout = 0;  ///< probability; 0 outside training
};

/// y = x W^T + bias + adapter. Thread-safe to run.
struct Linear {
  Matrix weight;       ///< [out, in]
  torch::Tensor bias;  ///< [out], or undefined
  std::optional<Lora> lora;

  /// Shapes without numbers, to be loaded.
  static Linear shaped(std::int64_t in, std::int64_t out, bool with_bias = false);

  /// x [..., in] -> [..., out]; the weight is taken in x's dtype.
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x) const;

  /// Adds the adapter to the weight (float32 arithmetic, then the weight's dtype) and drops it.
  void merge();

  void visit(const std::string& name, const Visitor& visitor);
};

/// weight + scale x B A, in the weight's dtype.
torch::Tensor merged_weight(const torch::Tensor& weight, const Lora& lora);

}  // namespace holisafe::nn
