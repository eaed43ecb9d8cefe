// The loops of luma_grid.cpp that look at every pixel, for a strip of rows at a time, compiled once for each
// set of vector instructions (strip_plain.cpp and its like, all from strip_loops.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holisafe::image {

/// Rows that are filtered side by side, so that their sums do not wait for each other. A strip is held as
/// rows, or as columns: strip_rows floats for each x, one of each row.
constexpr int strip_rows = 16;

/// What a mean is divided by, and the float next to its reciprocal.
struct Divisor {
  float size = 1;
  float reciprocal = 1;
};

/// Samples that a box filter sees around an output: its input, `after` more and `before` fewer.
struct BoxReach {
  int before = 0;
  int after = 0;
};

/// Every set gives the same bits, those of the reference: sums in its order, quotients rounded once. Widths
/// are rounded up to whole strip_rows: so much may be written. No memory is allocated, nothing throws.
struct StripFilter {
  const char* name;

  /// Luma of `count` rows of `width` RGB pixels, row_bytes apart, as columns; 0 in rows and columns that are
  /// not there.
  void (*luma)(const std::uint8_t* rgb, std::size_t row_bytes, int count, int width, float* columns);

  /// Means along rows, from columns (0 wherever the box reaches out of the picture) to rows.
  void (*means_along_rows)(const float* columns, const BoxReach& reach, const Divisor* divisors, int width,
                           float* const* rows);

  /// Means down columns, from rows to columns. `entering` and `leaving`: for each row the one that its window
  /// gains, and the one it loses, against the row before; `sums`: those of the last row, and then of this
  /// strip's last.
  void (*means_down_columns)(const float* const* entering, const float* const* leaving,
                             const Divisor* divisors, int width, float* sums, float* columns);
};

extern const StripFilter plain_strip_filter;
extern const StripFilter avx2_strip_filter;
extern const StripFilter avx512_strip_filter;

/// Those that this processor has the instructions for, the fastest last.
std::span<const StripFilter* const> strip_filters();

}  // namespace holisafe::image
