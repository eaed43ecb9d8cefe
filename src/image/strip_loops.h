// What strip_filter.h declares, over registers of one set of vector instructions. `Set` gives:
//
//   lanes, Register                   so many floats, with the operators of vector types
//   luma(rgb)                         of `lanes` pixels, reads luma_bytes
//   quotient(sums, divisor)           rounded once, as a division
//   transpose(block)                  of `lanes` registers in place
//
// Where products are fused with sums, the quotient is the product with the reciprocal, a unit of its last
// place off at most, and the reciprocal's share of what that leaves over, which is exact when fused
// (Markstein 1990). Sums are 0 or far from where digits would be lost.
//
// All of it is in an unnamed namespace, and nothing of the standard library is called that another file could
// be given: these instructions must not get out of here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "image/strip_filter.h"

namespace holisafe::image {
namespace {

template <class Set>
struct StripLoops {
  using Register = typename Set::Register;
  using Index = std::ptrdiff_t;
  static constexpr Index lanes = Set::lanes;
  static constexpr Index rows_of_strip = strip_rows;
  static constexpr Index groups = rows_of_strip / lanes;  ///< of rows, a register each
  using Block = Register[lanes];

  static Register load(const float* from) {
    Register out;
    std::memcpy(&out, from, sizeof out);
    return out;
  }
  static void store(float* to, const Register& value) { std::memcpy(to, &value, sizeof value); }

  static void luma(const std::uint8_t* rgb, std::size_t row_bytes, int count, int width, float* columns) {
    for (Index x = 0; x < width; x += lanes) {
      // The last pixels are copied: what is read beyond them may not be there.
      const bool whole = 3 * (width - x) >= Set::luma_bytes;
      for (Index group = 0; group < groups; ++group) {
        Block block;
        for (Index i = 0; i < lanes; ++i) {
          const Index row = group * lanes + i;
          block[i] = Register{};
          if (row >= count) continue;
          const std::uint8_t* const from =
              rgb + static_cast<std::size_t>(row) * row_bytes + 3 * static_cast<std::size_t>(x);
          __builtin_prefetch(from + rows_of_strip * row_bytes);  // of the next strip
          block[i] = whole ? Set::luma(from) : last_luma(from, width - x < lanes ? width - x : lanes);
        }
        store_columns(block, columns + (x * rows_of_strip + group * lanes));
      }
    }
  }

  static void means_along_rows(const float* columns, const BoxReach& reach, const Divisor* divisors,
                               int width, float* const* rows) {
    const float* entering = columns;
    Register sums[groups] = {};
    for (Index x = 0; x < reach.after; ++x, entering += rows_of_strip) {
      for (Index group = 0; group < groups; ++group) sums[group] += load(entering + group * lanes);
    }
    const float* leaving = columns - (reach.before + 1) * rows_of_strip;
    for (Index x = 0; x < width; x += lanes) {
      Block blocks[groups];
      for (Index i = 0; i < lanes; ++i, entering += rows_of_strip, leaving += rows_of_strip) {
        for (Index group = 0; group < groups; ++group) {
          sums[group] = (sums[group] + load(entering + group * lanes)) - load(leaving + group * lanes);
          blocks[group][i] = Set::quotient(sums[group], divisors[x + i]);
        }
      }
      for (Index group = 0; group < groups; ++group) {
        Set::transpose(blocks[group]);
        for (Index i = 0; i < lanes; ++i) store(rows[group * lanes + i] + x, blocks[group][i]);
      }
    }
  }

  static void means_down_columns(const float* const* entering, const float* const* leaving,
                                 const Divisor* divisors, int width, float* sums, float* columns) {
    for (Index x = 0; x < width; x += lanes) {
      Register sum = load(sums + x);
      for (Index group = 0; group < groups; ++group) {
        Block block;
        for (Index i = 0; i < lanes; ++i) {
          const Index row = group * lanes + i;
          sum = (sum + load(entering[row] + x)) - load(leaving[row] + x);
          block[i] = Set::quotient(sum, divisors[row]);
        }
        store_columns(block, columns + (x * rows_of_strip + group * lanes));
      }
      store(sums + x, sum);
    }
  }

 private:
  static Register last_luma(const std::uint8_t* rgb, Index pixels) {
    std::uint8_t copy[Set::luma_bytes] = {};
    std::memcpy(copy, rgb, 3 * static_cast<std::size_t>(pixels));
    return Set::luma(copy);
  }

  /// A block of rows as columns, each rows_of_strip from the one before.
  static void store_columns(Block& block, float* to) {
    Set::transpose(block);
    for (Index i = 0; i < lanes; ++i) store(to + i * rows_of_strip, block[i]);
  }
};

template <class Set>
constexpr StripFilter strip_filter_of(const char* name) {
  return {name, &StripLoops<Set>::luma, &StripLoops<Set>::means_along_rows,
          &StripLoops<Set>::means_down_columns};
}

}  // namespace
}  // namespace holisafe::image
