// Which positions each position may attend to: the one place where causality, sliding windows and
// Gemma's image blocks meet.
#pragma once

#include <cstdint>

#include "nn/tensor.h"

namespace holisafe::nn {

struct MaskInputs {
  std::int64_t queries = 0;  ///< T: positions of this pass
  std::int64_t past = 0;     ///< positions already in the cache; keys are past + queries
  torch::Tensor
      image_group;     ///< i64 [B, T], -1 text, else which image: each sees all of its own; undefined: none
  torch::Tensor read;  ///< i64 [N], in order: which of the T positions ask; undefined: all
  torch::Device device = torch::kCPU;
};

/// Boolean mask [B or 1, 1, T or N, past + T], true where attention is allowed; undefined where plain causal
/// attention over all keys says the same (then: is_causal if T > 1 and all ask). `window` > 0 keeps the last
/// `window` positions, itself included.
torch::Tensor attention_mask(const MaskInputs& inputs, std::int64_t window);

}  // namespace holisafe::nn
