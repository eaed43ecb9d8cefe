// How a score trades what it finds against false alarms, over all thresholds.
#pragma once

#include <utility>
#include <vector>

#include "metrics/class_threshold.h"

namespace holisafe::metrics {

/// A point for each threshold, from the highest score down; images of one score come together. Both are empty
/// without images of both kinds.
struct Curves {
  std::vector<std::pair<double, double>> roc;               ///< (rate of false alarms, recall), from (0, 0)
  std::vector<std::pair<double, double>> precision_recall;  ///< (recall, precision)
};

Curves curves(std::vector<ScoredImage> images);

}  // namespace holisafe::metrics
