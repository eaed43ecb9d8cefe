#include "metrics/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace holisafe::metrics {

GroupResampler::GroupResampler(std::span<const std::uint32_t> sizes) {
  for (std::size_t group = 0; group < sizes.size(); ++group) {
    group_of_.insert(group_of_.end(), sizes[group], static_cast<std::uint32_t>(group));
  }
  items_ = static_cast<std::uint32_t>(group_of_.size());
  // Four standard deviations below the number of items.
  const double share = std::max(0.0, 1 - 4 / std::sqrt(static_cast<double>(items_)));
  for (const std::uint32_t size : sizes) tables_.push_back(poisson(share * size));
}

/// Weights relative to the mode's, both ways until they no longer count; only products and quotients, so that
/// all machines agree on every bit.
GroupResampler::AliasTable GroupResampler::poisson(double mean) {
  constexpr double negligible = 1e-14;
  const auto mode = static_cast<std::uint32_t>(mean);
  std::vector<double> below;
  double weight = 1;
  for (std::uint32_t value = mode; value > 0; --value) {
    weight *= value / mean;
    if (weight < negligible) break;
    below.push_back(weight);
  }
  std::vector<double> weights(below.rbegin(), below.rend());
  weights.push_back(1);
  weight = 1;
  for (std::uint32_t value = mode + 1;; ++value) {
    weight *= mean / value;
    if (weight < negligible) break;
    weights.push_back(weight);
  }
  return alias_table(mode - static_cast<std::uint32_t>(below.size()), std::move(weights));
}

GroupResampler::AliasTable GroupResampler::alias_table(std::uint32_t first, std::vector<double> weights) {
  const double scale_to_one =
      static_cast<double>(weights.size()) / std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    weights[i] *= scale_to_one;
    (weights[i] < 1 ? small : large).push_back(i);
  }
  AliasTable out;
  out.first = first;
  out.slots.assign(weights.size(), {UINT32_MAX, 0});
  for (std::uint32_t i = 0; i < weights.size(); ++i) out.slots[i].other = i;
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back();
    const std::uint32_t high = large.back();
    small.pop_back();
    out.slots[low] = {static_cast<std::uint32_t>(weights[low] * 0x1p32), high};
    weights[high] -= 1 - weights[low];
    if (weights[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  return out;
}

std::uint32_t GroupResampler::AliasTable::draw(Random& random) const {
  const std::uint64_t bits = random.next();
  const std::size_t slot = scale(static_cast<std::uint32_t>(bits >> 32U), slots.size());
  const bool keep = static_cast<std::uint32_t>(bits) < slots[slot].keep;
  return first + (keep ? static_cast<std::uint32_t>(slot) : slots[slot].other);
}

void GroupResampler::draw(Random& random, std::span<std::uint32_t> counts) const {
  std::uint32_t total = 0;
  for (std::size_t group = 0; group < tables_.size(); ++group)
    total += counts[group] = tables_[group].draw(random);
  while (total < items_) {
    const std::uint64_t bits = random.next();
    ++counts[group_of_[scale(static_cast<std::uint32_t>(bits), items_)]];
    if (++total == items_) break;
    ++counts[group_of_[scale(static_cast<std::uint32_t>(bits >> 32U), items_)]];
    ++total;
  }
  for (; total > items_; --total) {
    std::size_t item = scale(static_cast<std::uint32_t>(random.next()), total);
    std::size_t group = 0;
    while (item >= counts[group]) item -= counts[group++];
    --counts[group];
  }
}

}  // namespace holisafe::metrics
