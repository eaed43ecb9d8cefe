#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace holisafe::engine {
namespace {

/// Uniform in [0, 1) with 53 bits.
double uniform(Random& random) { return static_cast<double>(random.next() >> 11U) * 0x1.0p-53; }

}  // namespace

void penalize_repetition(std::span<float> logits, std::span<const std::int64_t> seen, double penalty) {
  const std::set<std::int64_t> tokens(seen.begin(), seen.end());
  for (const std::int64_t token : tokens) {
    if (token < 0 || token >= static_cast<std::int64_t>(logits.size())) continue;
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = static_cast<float>(logit > 0 ? logit / penalty : logit * penalty);
  }
}

std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i)
    weights[i] = std::exp((static_cast<double>(logits[i]) - largest) / temperature);
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t kept = order.size();
  if (top_p < 1) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
    double reached = 0;
    for (kept = 0; kept < order.size() && (kept == 0 || reached < top_p * total); ++kept)
      reached += weights[order[kept]];
    total = reached;
  }
  double target = uniform(random) * total;
  for (std::size_t i = 0; i < kept; ++i) {
    target -= weights[order[i]];
    if (target < 0) return static_cast<std::int64_t>(order[i]);
  }
  // Rounding left nothing: the last token that has any probability.
  while (kept > 1 && weights[order[kept - 1]] == 0) --kept;
  return static_cast<std::int64_t>(order[kept - 1]);
}

}  // namespace holisafe::engine
