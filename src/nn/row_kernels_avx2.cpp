#include <immintrin.h>

#include "nn/row_loops.h"

namespace holisafe::nn {
namespace {

struct Avx2 {
  using Register = __m256;
  static constexpr int lanes = 8;
  static constexpr int features_beside[] = {0, 8, 4, 3, 3, 2, 2, 1, 1};

  static Register all(float value) { return _mm256_set1_ps(value); }
  static Register load(const float* from) { return _mm256_loadu_ps(from); }
  static Register load(const Float16* from) { return _mm256_cvtph_ps(eight(from)); }
  static Register load(const BFloat16* from) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight(from)), 16));
  }
  /// In a register: the compiler would read it from memory again for each of its uses.
  static Register kept(Register value) {
    asm("" : "+v"(value));
    return value;
  }
  static void store(float* to, Register value) { _mm256_storeu_ps(to, value); }
  static Register multiply_add(Register a, Register b, Register c) { return _mm256_fmadd_ps(a, b, c); }
  static Register most(Register a, Register b) { return _mm256_max_ps(a, b); }
  static Register nearest(Register x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// x 2^power, for whole powers from -126.
  static Register times_power(Register x, Register power) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }
  static float sum(Register x) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static __m128i eight(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
};

}  // namespace

constexpr RowKernels avx2_row_kernels = kernels_of<Avx2>();

}  // namespace holisafe::nn
