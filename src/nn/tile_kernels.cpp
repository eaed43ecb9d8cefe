#include "nn/tile_kernels.h"

#include <algorithm>
#include <array>
#include <bit>

#include <immintrin.h>

namespace holisafe::nn {
namespace {

/// The nearest numbers of bfloat16 into `to`; what is left over, which is exact.
__m512 split_off(__m512 floats, std::uint16_t* to) {
  const auto nearest = std::bit_cast<__m256i>(_mm512_cvtneps_pbh(floats));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), nearest);
  const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(nearest), 16);
  return _mm512_sub_ps(floats, _mm512_castsi512_ps(wide));
}

constexpr std::int64_t gathered = 8;  ///< rows whose pairs of columns are read at once

/// Two columns of eight rows, zero where there are none.
__m512 gather_pairs(const BlockSource<float>& x, std::int64_t row, std::int64_t column) {
  const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i offsets = _mm256_mullo_epi32(places, _mm256_set1_epi32(static_cast<int>(x.stride)));
  const std::int64_t there = std::clamp(x.rows - row, std::int64_t{0}, gathered);
  const float* const from = x.first + row * x.stride + column;
  if (column + 1 < x.columns) {
    const auto mask = static_cast<__mmask8>((1U << static_cast<unsigned>(there)) - 1);
    return _mm512_castpd_ps(
        _mm512_mask_i32gather_pd(_mm512_setzero_pd(), mask, offsets, from, sizeof(float)));
  }
  alignas(64) std::array<float, 2 * gathered> pairs{};
  for (std::int64_t i = 0; i < there && column < x.columns; ++i)
    pairs[static_cast<std::size_t>(2 * i)] = from[i * x.stride];
  return _mm512_load_ps(pairs.data());
}

/// A tile's columns of one row, zero where there are none.
template <class Number>
__m512i columns_of(const BlockSource<Number>& weight, std::int64_t row, std::int64_t step) {
  const std::int64_t first = step * tile_columns;
  const Number* const from = weight.first + row * weight.stride + first;
  if (row < weight.rows && first + tile_columns <= weight.columns) return _mm512_loadu_si512(from);
  alignas(64) std::array<Number, tile_columns> some{};
  if (row < weight.rows) std::copy(from, from + (weight.columns - first), some.begin());
  return _mm512_load_si512(some.data());
}

/// Every tile at its full size.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr std::int64_t line = 64;  ///< bytes from one row of a tile to the next

/// The weight's part i times the part j of x is below what float32 holds where i + j reaches float_parts.
template <std::int64_t weight_parts>
void add_tiles(const TileProduct& product) {
  // The compiler does not know that tiles read and write memory.
  asm volatile("" ::: "memory");
  float* const sums = product.sums;
  constexpr std::int64_t tile_sums = tile_side * tile_side;
  if (product.begins) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, line);
    _tile_loadd(1, sums + tile_sums, line);
    _tile_loadd(2, sums + 2 * tile_sums, line);
    _tile_loadd(3, sums + 3 * tile_sums, line);
  }
  const std::uint16_t* weight = product.weight;
  const std::uint16_t* x = product.x;
  for (std::int64_t step = 0; step < product.steps; ++step) {
    for (std::int64_t i = 0; i < weight_parts; ++i) {
      _tile_loadd(4, weight, line);
      _tile_loadd(5, weight + tile_numbers, line);
      weight += 2 * tile_numbers;
      for (std::int64_t j = 0; i + j < float_parts; ++j) {
        _tile_loadd(6, x + 2 * j * tile_numbers, line);
        _tile_loadd(7, x + (2 * j + 1) * tile_numbers, line);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
    x += 2 * float_parts * tile_numbers;
  }
  _tile_stored(0, sums, line);
  _tile_stored(1, sums + tile_sums, line);
  _tile_stored(2, sums + 2 * tile_sums, line);
  _tile_stored(3, sums + 3 * tile_sums, line);
  asm volatile("" ::: "memory");
}

}  // namespace

void split_block(const BlockSource<float>& x, std::uint16_t* to) {
  for (std::int64_t step = 0; step < x.steps(); ++step) {
    for (std::int64_t row = 0; row < block_side; row += gathered) {
      std::uint16_t* place = to + row / tile_side * tile_numbers + 2 * (row % tile_side);
      for (std::int64_t column = 0; column < tile_columns; column += 2) {
        __m512 pairs = gather_pairs(x, row, step * tile_columns + column);
        for (std::int64_t part = 0; part < float_parts; ++part)
          pairs = split_off(pairs, place + 2 * part * tile_numbers);
        place += tile_columns;
      }
    }
    to += 2 * float_parts * tile_numbers;
  }
}

void split_block(const BlockSource<BFloat16>& weight, std::uint16_t* to) {
  for (std::int64_t step = 0; step < weight.steps(); ++step) {
    for (std::int64_t row = 0; row < block_side; ++row, to += tile_columns)
      _mm512_storeu_si512(to, columns_of(weight, row, step));
  }
}

void split_block(const BlockSource<Float16>& weight, std::uint16_t* to) {
  for (std::int64_t step = 0; step < weight.steps(); ++step) {
    for (std::int64_t row = 0; row < block_side; ++row, to += tile_columns) {
      const __m512i numbers = columns_of(weight, row, step);
      __m512 left = _mm512_cvtph_ps(_mm512_castsi512_si256(numbers));
      __m512 right = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(numbers, 1));
      for (std::int64_t part = 0; part < 2; ++part) {
        left = split_off(left, to + 2 * part * tile_numbers);
        right = split_off(right, to + 2 * part * tile_numbers + tile_columns / 2);
      }
    }
    to += 2 * tile_numbers;
  }
}

void take_tiles() {
  static constexpr TileShapes shapes;
  _tile_loadconfig(&shapes);
}

void leave_tiles() { _tile_release(); }

void add_tiles_of_bfloat16(const TileProduct& product) { add_tiles<1>(product); }
void add_tiles_of_float16(const TileProduct& product) { add_tiles<2>(product); }

void write_sums(const float* sums, std::int64_t rows, std::int64_t features, float* out,
                std::int64_t out_stride) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t feature = 0; feature < features; ++feature) {
      const std::int64_t tile = 2 * (feature / tile_side) + row / tile_side;
      out[row * out_stride + feature] =
          sums[(tile * tile_side + feature % tile_side) * tile_side + row % tile_side];
    }
  }
}

}  // namespace holisafe::nn
