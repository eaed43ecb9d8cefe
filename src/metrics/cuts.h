// Every place between different scores at which a threshold can stand. Internal to this layer.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/class_threshold.h"

namespace holisafe::metrics {

/// What a threshold just below one of the scores makes of the images.
struct Cut {
  double last = 0;  ///< lowest score that is seen
  double next = 0;  ///< highest one that is not; 0 where all are seen
  std::uint64_t hits = 0;
  std::uint64_t seen = 0;

  [[nodiscard]] double threshold() const { return (last + next) / 2; }
};

/// From the fewest seen to all; sorts `images` by score, the highest first.
std::vector<Cut> cuts(std::vector<ScoredImage>& images);

}  // namespace holisafe::metrics
