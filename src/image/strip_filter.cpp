#include "image/strip_filter.h"

#include <array>

namespace holisafe::image {

std::span<const StripFilter* const> strip_filters() {
  static constexpr std::array all = {&plain_strip_filter, &avx2_strip_filter, &avx512_strip_filter};
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  return std::span(all).first(has_avx512 ? 3 : has_avx2 ? 2 : 1);
}

}  // namespace holisafe::image
