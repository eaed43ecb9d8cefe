// Drawing from a hat.
#pragma once

#include <cstddef>

#include "base/random.h"

namespace holisafe::synthesis {

/// An index below `size`.
inline std::size_t pick(Random& random, std::size_t size) {
  return scale(static_cast<std::uint32_t>(random.next() >> 32U), size);
}

/// A number from `low` to `high`.
inline double between(Random& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.next() >> 11U) * 0x1.0p-53;
}

}  // namespace holisafe::synthesis
