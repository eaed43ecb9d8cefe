#include <immintrin.h>

#include "nn/row_loops.h"

namespace holisafe::nn {
namespace {

struct Avx512 {
  using Register = __m512;
  static constexpr int lanes = 16;
  static constexpr int features_beside[] = {0, 8, 8, 6, 6, 4, 4, 3, 3};

  static Register all(float value) { return _mm512_set1_ps(value); }
  static Register load(const float* from) { return _mm512_loadu_ps(from); }
  static Register load(const Float16* from) { return _mm512_cvtph_ps(sixteen(from)); }
  static Register load(const BFloat16* from) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(sixteen(from)), 16));
  }
  /// In a register: the compiler would read it from memory again for each of its uses.
  static Register kept(Register value) {
    asm("" : "+v"(value));
    return value;
  }
  static void store(float* to, Register value) { _mm512_storeu_ps(to, value); }
  static Register multiply_add(Register a, Register b, Register c) { return _mm512_fmadd_ps(a, b, c); }
  static Register most(Register a, Register b) { return _mm512_max_ps(a, b); }
  static Register nearest(Register x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// x 2^power, for whole powers from -126.
  static Register times_power(Register x, Register power) {
    const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(power), _mm512_set1_epi32(127));
    return _mm512_mul_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23)));
  }
  static float sum(Register x) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), upper(x));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static __m256i sixteen(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static __m256 upper(Register x) { return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)); }
};

}  // namespace

constexpr RowKernels avx512_row_kernels = kernels_of<Avx512>();

}  // namespace holisafe::nn
