// What a guard says of an image.
#pragma once

#include <array>
#include <cstddef>

#include "taxonomy/taxonomy.h"

namespace holisafe::taxonomy {

struct Verdict {
  std::array<float, class_count>
      logits{};  ///< of the MLP, before the temperature; all 0 where only scores were kept
  std::array<double, class_count> scores{};  ///< calibrated probabilities, summing to 1
  std::size_t label = 0;                     ///< the most probable class

  [[nodiscard]] double score() const { return scores[label]; }
  [[nodiscard]] double unsafe() const { return 1.0 - scores[0]; }
};

}  // namespace holisafe::taxonomy
