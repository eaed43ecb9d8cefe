// Bootstrap intervals that resample clusters: the rows of one image stand or fall together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
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

/// Clopper and Pearson's exact 95% interval of a share of which none of `trials` (from 1), or all, count:
/// where resampling has no width.
Interval exact_interval(bool all, std::uint64_t trials);

/// An estimate with the ends of its interval.
struct Estimate {
  double value = 0;
  Interval ends;
};

/// The interval of the plain mean of independent estimates, from theirs: each end's distances from the values
/// are added as squares (Zou and Donner 2008, "Construction of confidence limits about effect measures",
/// section 2). Of one estimate its own; nothing of none.
std::optional<Interval> interval_of_mean(std::span<const Estimate> estimates);

/// What each cluster (an image) adds to each of a number of counters.
class ClusterCounts {
 public:
  explicit ClusterCounts(std::size_t counters) : counters_(counters) {}

  [[nodiscard]] std::size_t counters() const { return counters_; }
  [[nodiscard]] std::size_t clusters() const { return clusters_; }
  /// Makes room for clusters 0 to `clusters` - 1.
  void grow(std::size_t clusters);
  /// The counters of a cluster that there is room for.
  [[nodiscard]] std::span<double> of(std::size_t cluster) {
    return std::span(values_).subspan(cluster * counters_, counters_);
  }
  [[nodiscard]] std::span<const double> of(std::size_t cluster) const {
    return std::span(values_).subspan(cluster * counters_, counters_);
  }

 private:
  std::size_t counters_;
  std::size_t clusters_ = 0;
  std::vector<double> values_;
};

/// Turns the sums of all counters into values, NaN where a statistic is undefined.
using Statistics = std::function<void(std::span<const double> totals, std::span<double> values)>;

/// Percentile intervals of `count` statistics, each a function of the counters' sums. A resample draws as
/// many clusters with replacement and adds up their counts. The same clusters, options and statistics give
/// the same intervals.
std::vector<std::optional<Interval>> cluster_bootstrap(const ClusterCounts& clusters,
                                                       const BootstrapOptions& options, std::size_t count,
                                                       const Statistics& statistics);

}  // namespace holisafe::metrics
