// Rotary position embedding (arXiv 2104.09864), its scaling kinds, and Qwen2-VL's multimodal sections.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// What stretches the frequencies of a sequence longer than the model was trained on (kind dynamic): the base
/// grows with the sequence.
struct DynamicScaling {
  double theta = 0;
  double factor = 1;
  std::int64_t trained = 0;  ///< positions
};

/// Frequencies of one kind of rotary embedding. Thread-safe to use.
struct Rotary {
  torch::Tensor inverse_frequencies;  ///< float32 [head_dim / 2]
  std::vector<std::int64_t>
      sections;                 ///< Qwen's mrope_section over head_dim / 2; empty: one position a token
  double attention_factor = 1;  ///< multiplies cos and sin (kind yarn)
  std::optional<DynamicScaling> dynamic;

  /// cos and sin, each float32 [B, T, head_dim], for positions i64 [1 or 3, B, T].
  [[nodiscard]] std::pair<torch::Tensor, torch::Tensor> angles(const torch::Tensor& positions) const;
};

/// Rotary embedding with base `theta`; `scaling` is a config's `rope_scaling` (or `rope_parameters`) object,
/// null for none: kinds default, mrope, linear, dynamic, yarn (arXiv 2309.00071), llama3. `trained` is the
/// config's max_position_embeddings; dynamic needs it, yarn falls back on it. As in transformers, keys that
/// are cached keep the frequencies of the length at which they were made. Errors: unsupported (another kind),
/// missing (a number the kind needs).
Result<Rotary> make_rotary(std::int64_t head_dim, double theta, const nlohmann::json& scaling,
                           std::int64_t trained = 0);

/// Positions that a model of `trained` ones (max_position_embeddings) reaches with this scaling: those of
/// kinds linear, dynamic and yarn are stretched by the factor, yarn's from the length it says it began with.
std::int64_t stretched_context(const nlohmann::json& scaling, std::int64_t trained);

/// x [B, heads, T, D] turned by cos, sin [B, T, D]; halves pair up as in Llama's checkpoints on the hub.
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

}  // namespace holisafe::nn
