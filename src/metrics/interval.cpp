#include "metrics/interval.h"

#include <algorithm>
#include <cmath>

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

}  // namespace

std::optional<Interval> percentile_interval(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return std::nullopt;
  const double low = percentile(values, 0.025);
  return Interval{low, percentile(values, 0.975)};
}

}  // namespace holisafe::metrics
