// The inner loops of nn/split_product.h, in AMX and AVX-512: only where vector_set() is VectorSet::amx. No
// memory is allocated here, nothing throws.
//
// A tile is a kilobyte: 16 features of the weight by 32 columns of bfloat16, or as many rows of x, in which
// two neighbouring columns of each row stand side by side, or 16 x 16 sums of float32. A block is two tiles
// of features, or two of rows; a step is the 32 columns of a tile.
#pragma once

#include <cstdint>

#include "nn/row_kernels.h"

namespace holisafe::nn {

constexpr std::int64_t tile_side = 16;     ///< features, or rows
constexpr std::int64_t tile_columns = 32;  ///< of bfloat16
constexpr std::int64_t tile_numbers = tile_side * tile_columns;
constexpr std::int64_t block_side = 2 * tile_side;
constexpr std::int64_t block_sums = block_side * block_side;
/// A float32 number is the sum of so many of bfloat16, a float16 number of two.
constexpr std::int64_t float_parts = 3;

/// Up to block_side rows of a matrix, some of their columns. What is left of the block is filled with zeros.
template <class Number>
struct BlockSource {
  const Number* first = nullptr;
  std::int64_t stride = 0;  ///< numbers from one row to the next
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  [[nodiscard]] std::int64_t steps() const { return (columns + tile_columns - 1) / tile_columns; }
};

/// Into `to` [steps, float_parts, 2 tiles].
void split_block(const BlockSource<float>& x, std::uint16_t* to);
/// Into `to` [steps, parts, 2 tiles]: one part of bfloat16, two of float16.
void split_block(const BlockSource<BFloat16>& weight, std::uint16_t* to);
void split_block(const BlockSource<Float16>& weight, std::uint16_t* to);

/// This thread's tiles are ours between the two.
void take_tiles();
void leave_tiles();

struct TileProduct {
  const std::uint16_t* weight = nullptr;  ///< [steps, weight_parts, 2 tiles]
  const std::uint16_t* x = nullptr;       ///< [steps, float_parts, 2 tiles]
  std::int64_t steps = 0;
  float* sums = nullptr;  ///< [2 of features, 2 of rows] tiles
  bool begins = false;    ///< the sums are not read
};

/// Adds to the sums; of the parts' products those that float32 can hold. For take_tiles().
void add_tiles_of_bfloat16(const TileProduct& product);
void add_tiles_of_float16(const TileProduct& product);

/// Sums of a block into out [rows, features], both up to block_side.
void write_sums(const float* sums, std::int64_t rows, std::int64_t features, float* out,
                std::int64_t out_stride);

}  // namespace holisafe::nn
