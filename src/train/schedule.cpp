#include "train/schedule.h"

#include <cmath>
#include <numbers>

namespace holisafe::train {

double rate_factor(Decay decay, double warmup_ratio, std::int64_t step, std::int64_t steps) {
  const auto warmup = static_cast<std::int64_t>(std::ceil(warmup_ratio * static_cast<double>(steps)));
  const std::int64_t done = step - 1;
  if (done < warmup) return static_cast<double>(done) / static_cast<double>(warmup);
  if (decay == Decay::constant || steps == warmup) return 1.0;
  const double progress = static_cast<double>(done - warmup) / static_cast<double>(steps - warmup);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace holisafe::train
