#include <immintrin.h>

#include "image/strip_loops.h"
#include "image/strip_luma.h"

namespace holisafe::image {
namespace {

struct Avx2 {
  static constexpr int lanes = 8;
  static constexpr int luma_bytes = 28;
  using Register = __m256;

  static Register luma(const std::uint8_t* rgb) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb + 12));
    const __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    const __m256i red_green = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(red_green_places()));
    const __m256i blue = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(blue_places()));
    const __m256i thousands =
        _mm256_add_epi32(_mm256_madd_epi16(red_green, _mm256_set1_epi32(red_green_weights)),
                         _mm256_madd_epi16(blue, _mm256_set1_epi32(blue_weight)));
    return quotient(_mm256_cvtepi32_ps(thousands), {1000, 1 / 1000.F});
  }
  static Register quotient(Register sums, const Divisor& divisor) {
    const Register reciprocal = _mm256_set1_ps(divisor.reciprocal);
    const Register near = _mm256_mul_ps(sums, reciprocal);
    const Register rest = _mm256_fnmadd_ps(near, _mm256_set1_ps(divisor.size), sums);
    return _mm256_fmadd_ps(rest, reciprocal, near);
  }
  static void transpose(Register (&block)[lanes]) {
    Register pairs[lanes];
    for (int i = 0; i < lanes; i += 2) {
      pairs[i] = _mm256_unpacklo_ps(block[i], block[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps(block[i], block[i + 1]);
    }
    Register fours[lanes];  // of four rows each: columns 0 and 4; 1 and 5; …
    for (int i = 0; i < lanes; i += 4) {
      for (int j = 0; j < 2; ++j) {
        fours[i + 2 * j] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0x44);
        fours[i + 2 * j + 1] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], 0xEE);
      }
    }
    for (int i = 0; i < 4; ++i) {
      block[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
      block[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
  }
};

}  // namespace

constexpr StripFilter avx2_strip_filter = strip_filter_of<Avx2>("avx2");

}  // namespace holisafe::image
