// Choosing the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace holisafe::engine {

/// Divides positive and multiplies negative logits of tokens seen by `penalty` (arXiv 1909.05858, as
/// transformers does). Ids outside the vocabulary (image placeholders) are passed over.
void penalize_repetition(std::span<float> logits, std::span<const std::int64_t> seen, double penalty);

/// Draws from softmax(logits / temperature), temperature above 0, cut to the smallest set of most probable
/// tokens whose probabilities reach `top_p` (arXiv 1904.09751); at least one stays. Logits must be finite or
/// -infinity.
std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random);

}  // namespace holisafe::engine
