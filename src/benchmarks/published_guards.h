// What others published of image guards on HoliSafe-Bench.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "metrics/published.h"

namespace holisafe::benchmarks {

/// The figures of published_guards(), in their order.
inline constexpr std::array<std::string_view, 4> published_guard_figures = {"accuracy", "f1", "precision",
                                                                            "recall"};

/// Image guards as the paper has them (arXiv 2506.04704, version 1), safe against unsafe. How it averaged is
/// not said: some rows cannot be one confusion matrix.
std::span<const metrics::PublishedScore> published_guards();

}  // namespace holisafe::benchmarks
