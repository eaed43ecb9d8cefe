// The interval of a rate out of independent rows, which has width at 0 and 1 too.
#pragma once

#include <cstdint>
#include <optional>

#include "metrics/interval.h"

namespace holisafe::metrics {

/// Clopper and Pearson's 95% interval of `count` out of `rows`; nothing without rows.
std::optional<Interval> exact_interval(std::uint64_t count, std::uint64_t rows);

}  // namespace holisafe::metrics
