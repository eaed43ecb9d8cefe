#include "metrics/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace holisafe::metrics {

CalibrationMetrics calibration_metrics(std::span<const Confidence> rows) {
  constexpr std::size_t count = 15;
  std::array<CalibrationBin, count> bins;
  for (const Confidence& row : rows) {
    const double position = std::clamp(row.value * count, 0.0, count - 1.0);
    CalibrationBin& bin = bins[static_cast<std::size_t>(position)];
    ++bin.rows;
    bin.mean_confidence += row.value;
    bin.accuracy += row.right ? 1 : 0;
  }
  CalibrationMetrics out;
  double error = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    CalibrationBin& bin = bins[i];
    if (bin.rows == 0) continue;
    error += std::abs(bin.accuracy - bin.mean_confidence);
    bin.low = static_cast<double>(i) / count;
    bin.high = static_cast<double>(i + 1) / count;
    bin.mean_confidence /= static_cast<double>(bin.rows);
    bin.accuracy /= static_cast<double>(bin.rows);
    out.bins.push_back(bin);
  }
  if (!rows.empty()) out.error = error / static_cast<double>(rows.size());
  return out;
}

}  // namespace holisafe::metrics
