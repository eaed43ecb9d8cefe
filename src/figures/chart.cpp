#include "figures/chart.h"

#include <fmt/format.h>

namespace holisafe::figures {

std::string percent(std::optional<double> fraction) {
  return fraction ? fmt::format("{:.1f}%", *fraction * 100) : "\xe2\x80\x93";
}

std::string percent_range(const std::optional<metrics::Interval>& interval) {
  if (!interval) return {};
  return fmt::format("{:.1f}\xe2\x80\x93{:.1f}%", interval->low * 100, interval->high * 100);
}

}  // namespace holisafe::figures
