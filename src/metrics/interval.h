// Bootstrap intervals that resample clusters: the rows of one image stand or fall together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "metrics/resample.h"

namespace holisafe::metrics {

/// Ends of a 95% interval.
struct Interval {
  double low = 0;
  double high = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

struct BootstrapOptions {
  std::size_t resamples = 2000;  ///< 0: no intervals
  std::uint64_t seed = 0;
};

/// The 2.5% and 97.5% percentiles of `values` (linear between order statistics, as numpy.percentile does);
/// NaNs are left out; nothing if all are.
std::optional<Interval> percentile_interval(std::vector<double> values);

/// What each cluster of a kind adds to one counter.
struct CounterTerm {
  std::uint32_t kind = 0;
  std::uint32_t count = 0;
};

/// Percentile intervals of `Statistics` statistics, each a function of sums of `Counters` counts. `clusters`
/// holds one array of counts a cluster (an image); a resample draws as many clusters with replacement and
/// adds up their counts. `statistics` turns the sums into values, NaN where a statistic is undefined in that
/// resample. The same clusters, options and statistics give the same intervals.
template <std::size_t Counters, std::size_t Statistics, class Function>
std::array<std::optional<Interval>, Statistics> cluster_bootstrap(
    const std::vector<std::array<std::uint32_t, Counters>>& clusters, const BootstrapOptions& options,
    const Function& statistics) {
  std::array<std::optional<Interval>, Statistics> out;
  if (clusters.empty() || options.resamples == 0) return out;

  // Clusters with equal counts are interchangeable: how often each kind is drawn is all that matters.
  std::map<std::array<std::uint32_t, Counters>, std::uint32_t> kinds;
  for (const auto& counts : clusters) ++kinds[counts];
  std::vector<std::uint32_t> sizes;
  std::array<std::vector<CounterTerm>, Counters> terms;  // an image has rows of few types: most counts are 0
  for (const auto& [counts, size] : kinds) {
    for (std::size_t k = 0; k < Counters; ++k) {
      if (counts[k] > 0) terms[k].push_back({static_cast<std::uint32_t>(sizes.size()), counts[k]});
    }
    sizes.push_back(size);
  }

  std::array<std::vector<double>, Statistics> values;
  for (auto& column : values) column.reserve(options.resamples);
  Random random(options.seed);
  const GroupResampler resampler(sizes);
  std::vector<std::uint32_t> drawn(sizes.size());
  for (std::size_t resample = 0; resample < options.resamples; ++resample) {
    resampler.draw(random, drawn);
    std::array<std::uint64_t, Counters> totals{};
    for (std::size_t k = 0; k < Counters; ++k) {
      for (const CounterTerm& term : terms[k]) totals[k] += std::uint64_t{drawn[term.kind]} * term.count;
    }
    const std::array<double, Statistics> found = statistics(totals);
    for (std::size_t s = 0; s < Statistics; ++s) values[s].push_back(found[s]);
  }
  for (std::size_t s = 0; s < Statistics; ++s) out[s] = percentile_interval(std::move(values[s]));
  return out;
}

}  // namespace holisafe::metrics
