// What every threshold on a score makes of labelled images: the curves behind a guard's figures.
#pragma once

#include <utility>
#include <vector>

#include "metrics/class_threshold.h"

namespace holisafe::metrics {

/// Points (x, y), both fractions.
using Curve = std::vector<std::pair<double, double>>;

/// Share of false alarms and recall at every cut between different scores, from (0, 0), where nothing is
/// seen, to (1, 1). Empty without images of both kinds.
Curve roc_curve(std::vector<ScoredImage> images);

/// Recall and precision at every cut, from the fewest seen to all. Empty without an image that has the label.
Curve precision_recall_curve(std::vector<ScoredImage> images);

/// At most `most` (from 2) of a curve's points, the first and last among them, the others evenly by their
/// number: what a page can hold.
Curve thinned(const Curve& curve, std::size_t most);

}  // namespace holisafe::metrics
