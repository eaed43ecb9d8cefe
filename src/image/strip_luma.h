// Where the colours of pixels lie in 16 bytes, for the sets of vector instructions from AVX2 on. In an
// unnamed namespace, as strip_loops.h.
#pragma once

#include <immintrin.h>

namespace holisafe::image {
namespace {

// Of each of four pixels: red and green as two numbers of 16 bits, and blue as one; then their thousandths of
// luma.
inline __m128i red_green_places() {
  return _mm_setr_epi8(0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1);
}
inline __m128i blue_places() {
  return _mm_setr_epi8(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1);
}
constexpr int red_green_weights = 587 << 16 | 299;
constexpr int blue_weight = 114;

}  // namespace
}  // namespace holisafe::image
