// Which positions each position may attend to: the one place where causality, padding, sliding windows and
// Gemma's image blocks meet.
#pragma once

#include <cstdint>

#include "nn/tensor.h"

namespace holisafe::nn {

struct MaskInputs {
  std::int64_t batch = 1;
  std::int64_t queries = 0;  ///< T: positions of this pass
  std::int64_t past = 0;     ///< positions already in the cache; keys are past + queries
  torch::Tensor key_valid;   ///< bool [B, past + T], false at padding (on the left); undefined: all valid
  torch::Tensor
      image_group;  ///< i64 [B, T], -1 text, else which image: each sees all of its own; undefined: none
  torch::Device device = torch::kCPU;
};

/// Boolean mask [B or 1, 1, T, past + T], true where attention is allowed; undefined where plain causal
/// attention over all keys says the same (then: is_causal if T > 1). `window` > 0 keeps the last `window`
/// positions, itself included. A padded query sees itself, so that its softmax stays finite.
torch::Tensor attention_mask(const MaskInputs& inputs, std::int64_t window);

}  // namespace holisafe::nn
