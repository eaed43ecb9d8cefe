// The interval of a rate out of independent rows; at 0 and 1 it is exact_interval() (metrics/interval.h).
#pragma once

#include <cstdint>
#include <optional>

#include "metrics/interval.h"

namespace holisafe::metrics {

/// Clopper and Pearson's 95% interval of `count` out of `rows`; nothing without rows.
std::optional<Interval> binomial_interval(std::uint64_t count, std::uint64_t rows);

}  // namespace holisafe::metrics
