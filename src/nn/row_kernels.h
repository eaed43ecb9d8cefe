// The inner loops of nn/row_product.h and nn/attention_rows.h, compiled once for each set of vector
// instructions (row_kernels_*.cpp, all from row_loops.h). No memory is allocated here, nothing throws.
#pragma once

#include <cstdint>

#include "nn/vector_set.h"

namespace holisafe::nn {

/// Numbers of 16 bits as they are stored.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

/// The widest register's floats: what scratch memory is counted in.
constexpr int most_lanes = 16;
/// Rows that share one reading of the weights, at most; more are done in several.
constexpr std::int64_t rows_at_once = 32;
/// Features (or positions) for which sums are kept at a time.
constexpr std::int64_t features_at_once = 48;
/// Floats of ProductPiece::sums.
constexpr std::int64_t product_scratch = rows_at_once * features_at_once * most_lanes;

/// Rows x [rows, in] times the transpose of `features` rows of a weight.
struct ProductPiece {
  const float* x = nullptr;  ///< [rows, in], contiguous
  std::int64_t rows = 0;
  std::int64_t in = 0;
  const void* weight = nullptr;    ///< the kernel's numbers
  std::int64_t weight_stride = 0;  ///< numbers from one feature to the next
  std::int64_t features = 0;
  float* out = nullptr;         ///< [rows, features]
  std::int64_t out_stride = 0;  ///< floats from one row to the next
  float* sums = nullptr;        ///< product_scratch floats
};

/// Keys and values of consecutive positions of one key-value head.
struct KeyValueRun {
  const void* keys = nullptr;  ///< [length, dim]
  const void* values = nullptr;
  std::int64_t key_stride = 0;  ///< numbers from one position to the next
  std::int64_t value_stride = 0;
  std::int64_t length = 0;
};

/// The heads of one query that share a key-value head.
struct AttentionPiece {
  const float* q = nullptr;  ///< [heads, dim], contiguous
  std::int64_t heads = 0;
  std::int64_t dim = 0;
  float scale = 1;
  const KeyValueRun* runs = nullptr;
  std::int64_t run_count = 0;
  std::int64_t positions = 0;  ///< of all runs together
  float* scores = nullptr;     ///< [heads, positions] floats of scratch
  float* totals = nullptr;     ///< [heads] of scratch
  float* mixed = nullptr;      ///< [heads, dim rounded up to most_lanes] of scratch
  float* sums = nullptr;       ///< product_scratch floats
  float* out = nullptr;        ///< [heads, dim], contiguous
};

/// Of one set of vector instructions. A (row, feature)'s arithmetic, and a (head, dimension)'s, is the same
/// wherever it stands in a piece and whatever else the piece holds.
struct RowKernels {
  template <class Piece>
  struct OfType {
    void (*float32)(const Piece&);
    void (*float16)(const Piece&);
    void (*bfloat16)(const Piece&);
  };
  OfType<ProductPiece> multiply;
  OfType<AttentionPiece> attend;
};

extern const RowKernels plain_row_kernels;
extern const RowKernels avx2_row_kernels;
extern const RowKernels avx512_row_kernels;

inline const RowKernels& row_kernels(VectorSet set) {
  if (set == VectorSet::avx512 || set == VectorSet::amx) return avx512_row_kernels;
  return set == VectorSet::avx2 ? avx2_row_kernels : plain_row_kernels;
}

}  // namespace holisafe::nn
