#include "metrics/interval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace holisafe::metrics {
namespace {

double percentile(std::vector<double>& values, double share) {
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), nth, values.end());
  const double low = *nth;
  if (below + 1 == values.size()) return low;
  const double high = *std::min_element(nth + 1, values.end());
  return low + (high - low) * (position - static_cast<double>(below));
}

/// What each cluster of a kind adds to one counter.
struct Term {
  std::uint32_t kind = 0;
  double amount = 0;
};

/// Clusters with equal counts are interchangeable: how often each kind is drawn is all that matters.
struct Kinds {
  std::vector<std::uint32_t> sizes;      ///< clusters of each kind
  std::vector<std::vector<Term>> terms;  ///< of each counter; an image has few kinds of rows: most are 0
};

Kinds kinds_of(const ClusterCounts& clusters) {
  std::vector<std::uint32_t> order(clusters.clusters());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto first = clusters.of(a);
    const auto second = clusters.of(b);
    return std::lexicographical_compare(first.begin(), first.end(), second.begin(), second.end());
  });
  Kinds out;
  out.terms.resize(clusters.counters());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto counts = clusters.of(order[i]);
    if (i > 0) {
      const auto before = clusters.of(order[i - 1]);
      if (std::equal(counts.begin(), counts.end(), before.begin())) {
        ++out.sizes.back();
        continue;
      }
    }
    for (std::size_t k = 0; k < counts.size(); ++k) {
      if (counts[k] > 0) out.terms[k].push_back({static_cast<std::uint32_t>(out.sizes.size()), counts[k]});
    }
    out.sizes.push_back(1);
  }
  return out;
}

/// Sums in four strands, so that no addition waits for the one before.
double total_of(const std::vector<Term>& terms, const std::vector<double>& drawn) {
  std::array<double, 4> sums{};
  std::size_t i = 0;
  for (; i + sums.size() <= terms.size(); i += sums.size()) {
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += drawn[terms[i + k].kind] * terms[i + k].amount;
  }
  for (; i < terms.size(); ++i) sums[0] += drawn[terms[i].kind] * terms[i].amount;
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

std::optional<Interval> percentile_interval(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return std::nullopt;
  const double low = percentile(values, 0.025);
  return Interval{low, percentile(values, 0.975)};
}

Interval exact_interval(bool all, std::uint64_t trials) {
  constexpr double tail = 0.025;
  // All have the same outcome with probability p^n: what p must be for that to be as rare as the tail.
  const double exponent = std::log(tail) / static_cast<double>(trials);
  return all ? Interval{std::exp(exponent), 1} : Interval{0, -std::expm1(exponent)};
}

std::optional<Interval> interval_of_mean(std::span<const Estimate> estimates) {
  if (estimates.empty()) return std::nullopt;
  double sum = 0;
  double below = 0;
  double above = 0;
  for (const Estimate& each : estimates) {
    sum += each.value;
    below += (each.value - each.ends.low) * (each.value - each.ends.low);
    above += (each.ends.high - each.value) * (each.ends.high - each.value);
  }
  const auto count = static_cast<double>(estimates.size());
  return Interval{(sum - std::sqrt(below)) / count, (sum + std::sqrt(above)) / count};
}

void ClusterCounts::grow(std::size_t clusters) {
  if (clusters <= clusters_) return;
  clusters_ = clusters;
  values_.resize(clusters * counters_);
}

std::vector<std::optional<Interval>> cluster_bootstrap(const ClusterCounts& clusters,
                                                       const BootstrapOptions& options, std::size_t count,
                                                       const Statistics& statistics) {
  std::vector<std::optional<Interval>> out(count);
  if (clusters.clusters() == 0 || options.resamples == 0) return out;

  const Kinds kinds = kinds_of(clusters);
  std::vector<std::vector<double>> values(count);
  for (auto& column : values) column.reserve(options.resamples);
  Random random(options.seed);
  const GroupResampler resampler(kinds.sizes);
  std::vector<std::uint32_t> drawn(kinds.sizes.size());
  std::vector<double> times(drawn.size());
  std::vector<double> totals(clusters.counters());
  std::vector<double> found(count);
  for (std::size_t resample = 0; resample < options.resamples; ++resample) {
    resampler.draw(random, drawn);
    std::copy(drawn.begin(), drawn.end(), times.begin());
    for (std::size_t k = 0; k < totals.size(); ++k) totals[k] = total_of(kinds.terms[k], times);
    statistics(totals, found);
    for (std::size_t s = 0; s < count; ++s) values[s].push_back(found[s]);
  }
  for (std::size_t s = 0; s < count; ++s) out[s] = percentile_interval(std::move(values[s]));
  return out;
}

}  // namespace holisafe::metrics
