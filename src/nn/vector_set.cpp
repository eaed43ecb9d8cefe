#include "nn/vector_set.h"

#include <cpuid.h>

namespace holisafe::nn {
namespace {

/// Clang 14's __builtin_cpu_supports does not know this word.
bool has_f16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

VectorSet vector_set() {
  static const VectorSet best = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
      return VectorSet::none;
    return __builtin_cpu_supports("avx512f") ? VectorSet::avx512 : VectorSet::avx2;
  }();
  return best;
}

std::string_view name(VectorSet set) {
  switch (set) {
    case VectorSet::avx512:
      return "AVX-512";
    case VectorSet::avx2:
      return "AVX2";
    case VectorSet::none:
      break;
  }
  return "plain";
}

}  // namespace holisafe::nn
