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
  for (const std::uint32_t size : sizes) add_poisson(share * size);
}

/// Weights relative to the mode's, both ways until they no longer count; only products and quotients, so that
/// all machines agree on every bit.
void GroupResampler::add_poisson(double mean) {
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
  add_table(mode - static_cast<std::uint32_t>(below.size()), std::move(weights));
}

void GroupResampler::add_table(std::uint32_t first, std::vector<double> weights) {
  const double scale_to_one =
      static_cast<double>(weights.size()) / std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    weights[i] *= scale_to_one;
    (weights[i] < 1 ? small : large).push_back(i);
  }
  const AliasTable table{first, static_cast<std::uint32_t>(slots_.size()),
                         static_cast<std::uint32_t>(weights.size())};
  tables_.push_back(table);
  for (std::uint32_t i = 0; i < table.size; ++i) slots_.push_back({UINT32_MAX, i});
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back();
    const std::uint32_t high = large.back();
    small.pop_back();
    slots_[table.begin + low] = {static_cast<std::uint32_t>(weights[low] * 0x1p32), high};
    weights[high] -= 1 - weights[low];
    if (weights[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
}

void GroupResampler::draw(Random& generator, std::span<std::uint32_t> counts) const {
  Random random = generator;  // a copy, so that its state stays in registers
  std::uint32_t total = 0;
  for (std::size_t group = 0; group < tables_.size(); ++group) {
    const AliasTable& table = tables_[group];
    const std::uint64_t bits = random.next();
    const auto slot = static_cast<std::uint32_t>(scale(static_cast<std::uint32_t>(bits >> 32U), table.size));
    const Slot& found = slots_[table.begin + slot];
    counts[group] = table.first + (static_cast<std::uint32_t>(bits) < found.keep ? slot : found.other);
    total += counts[group];
  }
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
  generator = random;
}

}  // namespace holisafe::metrics
