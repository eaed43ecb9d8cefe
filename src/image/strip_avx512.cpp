#include <immintrin.h>

#include "image/strip_loops.h"
#include "image/strip_luma.h"

namespace holisafe::image {
namespace {

struct Avx512 {
  static constexpr int lanes = 16;
  static constexpr int luma_bytes = 64;
  using Register = __m512;

  static Register luma(const std::uint8_t* rgb) {
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12);
    const __m512i pixels = _mm512_permutexvar_epi32(places, _mm512_loadu_si512(rgb));
    const __m512i red_green = _mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(red_green_places()));
    const __m512i blue = _mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(blue_places()));
    const __m512i thousands =
        _mm512_add_epi32(_mm512_madd_epi16(red_green, _mm512_set1_epi32(red_green_weights)),
                         _mm512_madd_epi16(blue, _mm512_set1_epi32(blue_weight)));
    return quotient(_mm512_cvtepi32_ps(thousands), {1000, 1 / 1000.F});
  }
  static Register quotient(Register sums, const Divisor& divisor) {
    const Register reciprocal = _mm512_set1_ps(divisor.reciprocal);
    const Register near = _mm512_mul_ps(sums, reciprocal);
    const Register rest = _mm512_fnmadd_ps(near, _mm512_set1_ps(divisor.size), sums);
    return _mm512_fmadd_ps(rest, reciprocal, near);
  }
  static void transpose(Register (&block)[lanes]) {
    Register pairs[lanes];
    for (int i = 0; i < lanes; i += 2) {
      pairs[i] = _mm512_unpacklo_ps(block[i], block[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_ps(block[i], block[i + 1]);
    }
    Register fours[lanes];  // of four rows each: columns 0, 4, 8 and 12; 1, 5, 9 and 13; …
    for (int i = 0; i < lanes; i += 4) {
      for (int j = 0; j < 2; ++j) {
        fours[i + 2 * j] = _mm512_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
        fours[i + 2 * j + 1] = _mm512_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xEE);
      }
    }
    for (int i = 0; i < 4; ++i) {
      // Of rows 0 to 7, and of 8 to 15: columns i and i + 8; then i + 4 and i + 12.
      const Register upper = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0x88);
      const Register upper_odd = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0xDD);
      const Register lower = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0x88);
      const Register lower_odd = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0xDD);
      block[i] = _mm512_shuffle_f32x4(upper, lower, 0x88);
      block[i + 8] = _mm512_shuffle_f32x4(upper, lower, 0xDD);
      block[i + 4] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0x88);
      block[i + 12] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0xDD);
    }
  }
};

}  // namespace

constexpr StripFilter avx512_strip_filter = strip_filter_of<Avx512>("avx512");

}  // namespace holisafe::image
