#include "nn/vector_set.h"

#include <ATen/cpu/Utils.h>
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

/// Its tiles, and that the system lets this process use them. Clang 14's __builtin_cpu_supports does not know
/// the words.
bool has_amx() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned bfloat16_tiles = 1U << 22U;
  constexpr unsigned tiles = 1U << 24U;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (edx & bfloat16_tiles) != 0 && (edx & tiles) != 0 && at::cpu::init_amx();
}

}  // namespace

VectorSet vector_set() {
  static const VectorSet best = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
      return VectorSet::none;
    if (!__builtin_cpu_supports("avx512f")) return VectorSet::avx2;
    return __builtin_cpu_supports("avx512bf16") && has_amx() ? VectorSet::amx : VectorSet::avx512;
  }();
  return best;
}

std::string_view name(VectorSet set) {
  switch (set) {
    case VectorSet::amx:
      return "AMX";
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
