// Four floats that the compiler computes with side by side, on every processor.
#pragma once

#include <cstddef>
#include <cstring>

namespace holisafe::image {

typedef float Lanes __attribute__((vector_size(16)));
inline constexpr std::size_t lanes = 4;

inline Lanes load_lanes(const float* from) {
  Lanes out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

inline float sum_of(const Lanes& values) { return (values[0] + values[1]) + (values[2] + values[3]); }

/// Of `count` floats, a multiple of four.
inline float dot(const float* a, const float* b, std::size_t count) {
  Lanes sums = {0, 0, 0, 0};
  for (std::size_t i = 0; i < count; i += lanes) sums += load_lanes(a + i) * load_lanes(b + i);
  return sum_of(sums);
}

}  // namespace holisafe::image
