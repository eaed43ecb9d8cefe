// The loops of nn/row_kernels.h over a `Vector`: a class of static functions over one register of floats.
// Included by the file of each set of vector instructions alone, which is compiled with those: so everything
// here is a template over that class, and nothing else may be included that could leave a shared function
// compiled with instructions that a machine lacks.
#pragma once

#include <cstdint>

#include "nn/row_kernels.h"

namespace holisafe::nn {

/// Sums over a row are made in pieces of this many numbers, so that a tile's rows of x stay in the first
/// cache level. Sums go on from one piece to the next in the same register's lanes: results do not depend on
/// this.
constexpr std::int64_t block_numbers = 1024;
/// Positions whose values are read at a time, to stay in the first level for all heads.
constexpr std::int64_t block_positions = 32;

/// Rows whose sums stay in registers, at most: so many share one widening of a weight. A Vector's
/// features_beside[rows] says with how many features: as many as its registers hold, and where they can,
/// eight sums at least, so that none waits for the one before it.
constexpr int rows_of_tile = 8;

template <class Vector>
using Register = typename Vector::Register;

/// The first `count` numbers; `fill` in the other lanes.
template <class Vector, class Number>
Register<Vector> load_part(const Number* from, std::int64_t count, Number fill = {}) {
  Number lanes[Vector::lanes];
  for (int i = 0; i < Vector::lanes; ++i) lanes[i] = i < count ? from[i] : fill;
  return Vector::load(lanes);
}

template <class Vector>
void store_part(float* to, std::int64_t count, Register<Vector> value) {
  float lanes[Vector::lanes];
  Vector::store(lanes, value);
  for (std::int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

/// Numbers [begin, begin + size) of each row and feature are multiplied and added to the sums, lane by lane.
template <class Vector, class Number, int rows, int features>
struct Tile {
  Register<Vector> sums[rows][features];

  /// `read(p)` loads a register of x's or the weight's numbers.
  template <class Read>
  [[gnu::always_inline]] void add(const float* x, std::int64_t x_stride, const Number* weight,
                                  std::int64_t weight_stride, const Read& read) {
    Register<Vector> factors[features];
#pragma GCC unroll 8
    for (int feature = 0; feature < features; ++feature)
      factors[feature] = read(weight + feature * weight_stride);
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row) {
      const Register<Vector> of_x = Vector::kept(read(x + row * x_stride));
#pragma GCC unroll 8
      for (int feature = 0; feature < features; ++feature)
        sums[row][feature] = Vector::multiply_add(factors[feature], of_x, sums[row][feature]);
    }
  }
};

/// `sums` [rows][features_at_once][lanes]. `ahead`: numbers from a weight to the one that is worth fetching
/// now.
template <class Vector, class Number, int rows, int features>
void add_block(const float* x, std::int64_t x_stride, const Number* weight, std::int64_t weight_stride,
               std::int64_t size, std::int64_t ahead, float* kept) {
  constexpr std::int64_t lanes = Vector::lanes;
  constexpr std::int64_t line = 64 / sizeof(Number);
  const auto whole = [](const auto* from) { return Vector::load(from); };
  Tile<Vector, Number, rows, features> tile;
  for (int row = 0; row < rows; ++row) {
    for (int feature = 0; feature < features; ++feature)
      tile.sums[row][feature] = Vector::load(kept + (row * features_at_once + feature) * lanes);
  }
  std::int64_t i = 0;
  for (; i + line <= size; i += line) {
    // Two places and their strides, where the compiler would keep a pointer for every row and run out.
    asm("" : "+r"(x), "+r"(weight));
    for (int feature = 0; feature < features; ++feature)
      __builtin_prefetch(weight + feature * weight_stride + i + ahead, 0, 2);
    for (std::int64_t j = 0; j < line; j += lanes)
      tile.add(x + i + j, x_stride, weight + i + j, weight_stride, whole);
  }
  for (; i + lanes <= size; i += lanes) tile.add(x + i, x_stride, weight + i, weight_stride, whole);
  if (i < size) {
    const auto part = [&](const auto* from) { return load_part<Vector>(from, size - i); };
    tile.add(x + i, x_stride, weight + i, weight_stride, part);
  }
  for (int row = 0; row < rows; ++row) {
    for (int feature = 0; feature < features; ++feature)
      Vector::store(kept + (row * features_at_once + feature) * lanes, tile.sums[row][feature]);
  }
}

/// One block of `rows` rows with all features of the piece. `next`: the weights that are read after it; null
/// where these are not read from memory, or nothing comes after.
template <class Vector, class Number, int rows, int features>
void add_features(const ProductPiece& piece, const float* x, const Number* weight, std::int64_t size,
                  const Number* next, float* kept) {
  const auto block = [&](auto add, std::int64_t feature, std::int64_t count) {
    const Number* const here = weight + feature * piece.weight_stride;
    const bool more = feature + count < piece.features;
    const std::int64_t ahead = next == nullptr ? 0 : more ? count * piece.weight_stride : next - here;
    add(x, piece.in, here, piece.weight_stride, size, ahead, kept + feature * Vector::lanes);
  };
  std::int64_t feature = 0;
  for (; feature + features <= piece.features; feature += features)
    block(add_block<Vector, Number, rows, features>, feature, features);
  for (; feature < piece.features; ++feature) block(add_block<Vector, Number, rows, 1>, feature, 1);
}

/// One block of `rows` rows, 1 to rows_of_tile, with all features of the piece.
template <class Vector, class Number, int most = rows_of_tile>
void add_rows(const ProductPiece& piece, std::int64_t rows, const float* x, const Number* weight,
              std::int64_t size, const Number* next, float* kept) {
  if (rows == most) {
    add_features<Vector, Number, most, Vector::features_beside[most]>(piece, x, weight, size, next, kept);
  } else if constexpr (most > 1) {
    add_rows<Vector, Number, most - 1>(piece, rows, x, weight, size, next, kept);
  }
}

/// At most rows_at_once rows and features_at_once features.
template <class Vector, class Number>
void multiply_at_once(const ProductPiece& piece) {
  constexpr std::int64_t lanes = Vector::lanes;
  constexpr auto row_sums = features_at_once * lanes;
  for (std::int64_t i = 0; i < piece.rows * row_sums; i += lanes)
    Vector::store(piece.sums + i, Vector::all(0));
  const auto* weight = static_cast<const Number*>(piece.weight);
  for (std::int64_t begin = 0; begin < piece.in; begin += block_numbers) {
    const std::int64_t size = piece.in - begin < block_numbers ? piece.in - begin : block_numbers;
    const Number* const next =
        begin + size < piece.in ? weight + begin + size : weight + piece.features * piece.weight_stride;
    for (std::int64_t row = 0; row < piece.rows;) {
      const std::int64_t rows = piece.rows - row < rows_of_tile ? piece.rows - row : rows_of_tile;
      add_rows<Vector, Number>(piece, rows, piece.x + row * piece.in + begin, weight + begin, size,
                               row == 0 ? next : nullptr, piece.sums + row * row_sums);
      row += rows;
    }
  }
  for (std::int64_t row = 0; row < piece.rows; ++row) {
    for (std::int64_t feature = 0; feature < piece.features; ++feature) {
      const float* kept = piece.sums + row * row_sums + feature * lanes;
      piece.out[row * piece.out_stride + feature] = Vector::sum(Vector::load(kept));
    }
  }
}

template <class Vector, class Number>
void multiply(const ProductPiece& piece) {
  for (std::int64_t feature = 0; feature < piece.features; feature += features_at_once) {
    for (std::int64_t row = 0; row < piece.rows; row += rows_at_once) {
      ProductPiece part = piece;
      part.x += row * piece.in;
      part.rows = piece.rows - row < rows_at_once ? piece.rows - row : rows_at_once;
      part.weight = static_cast<const Number*>(piece.weight) + feature * piece.weight_stride;
      part.features =
          piece.features - feature < features_at_once ? piece.features - feature : features_at_once;
      part.out += row * piece.out_stride + feature;
      multiply_at_once<Vector, Number>(part);
    }
  }
}

/// e^x for x <= 0, off by about two units in the last place: 2^n times a polynomial (that of Cephes' expf).
template <class Vector>
Register<Vector> exponential(Register<Vector> x) {
  const auto all = [](float value) { return Vector::all(value); };
  x = Vector::most(x, all(-87));
  const auto power = Vector::nearest(Vector::multiply_add(x, all(1.44269504F), all(0)));
  auto rest = Vector::multiply_add(power, all(-0.693359375F), x);
  rest = Vector::multiply_add(power, all(2.12194440e-4F), rest);
  auto y = all(1.9875691500e-4F);
  for (const float factor :
       {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F, 1.0F, 1.0F})
    y = Vector::multiply_add(y, rest, all(factor));
  return Vector::times_power(y, power);
}

/// Scores become e^(scale (score - highest)); returns their sum.
template <class Vector>
float exponentials(float* scores, std::int64_t count, float scale) {
  constexpr std::int64_t lanes = Vector::lanes;
  float highest = scores[0];
  for (std::int64_t i = 1; i < count; ++i) highest = scores[i] > highest ? scores[i] : highest;
  const auto weigh = [&](Register<Vector> score) {
    const auto below = Vector::multiply_add(Vector::all(-1), Vector::all(highest), score);
    return exponential<Vector>(Vector::multiply_add(below, Vector::all(scale), Vector::all(0)));
  };
  auto sum = Vector::all(0);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto weights = weigh(Vector::load(scores + i));
    Vector::store(scores + i, weights);
    sum = Vector::multiply_add(weights, Vector::all(1), sum);
  }
  float total = Vector::sum(sum);
  store_part<Vector>(scores + i, count - i, weigh(load_part<Vector>(scores + i, count - i, highest)));
  for (; i < count; ++i) total += scores[i];
  return total;
}

/// Adds weights x values of `count` positions to `registers` registers of the result, position by position.
template <class Vector, class Number, int registers, class Read>
[[gnu::always_inline]] inline void add_values(const float* weights, const Number* values, std::int64_t stride,
                                              std::int64_t count, float* out, const Read& read) {
  Register<Vector> sums[registers];
  for (int i = 0; i < registers; ++i) sums[i] = Vector::load(out + i * Vector::lanes);
  for (std::int64_t position = 0; position < count; ++position) {
    const auto weight = Vector::all(weights[position]);
    for (int i = 0; i < registers; ++i)
      sums[i] = Vector::multiply_add(weight, read(values + position * stride + i * Vector::lanes), sums[i]);
  }
  for (int i = 0; i < registers; ++i) Vector::store(out + i * Vector::lanes, sums[i]);
}

/// All dimensions of one head; `out` holds them up to a whole register.
template <class Vector, class Number>
void add_head(const float* weights, const Number* values, std::int64_t stride, std::int64_t count,
              std::int64_t dim, float* out) {
  constexpr std::int64_t lanes = Vector::lanes;
  const auto whole = [](const Number* from) { return Vector::load(from); };
  std::int64_t i = 0;
  for (; i + 8 * lanes <= dim; i += 8 * lanes)
    add_values<Vector, Number, 8>(weights, values + i, stride, count, out + i, whole);
  for (; i + 4 * lanes <= dim; i += 4 * lanes)
    add_values<Vector, Number, 4>(weights, values + i, stride, count, out + i, whole);
  for (; i + lanes <= dim; i += lanes)
    add_values<Vector, Number, 1>(weights, values + i, stride, count, out + i, whole);
  const auto part = [&](const Number* from) { return load_part<Vector>(from, dim - i); };
  if (i < dim) add_values<Vector, Number, 1>(weights, values + i, stride, count, out + i, part);
}

template <class Vector, class Number>
void attend(const AttentionPiece& piece) {
  std::int64_t at = 0;
  for (const KeyValueRun* run = piece.runs; run != piece.runs + piece.run_count; ++run) {
    multiply<Vector, Number>({piece.q, piece.heads, piece.dim, run->keys, run->key_stride, run->length,
                              piece.scores + at, piece.positions, piece.sums});
    at += run->length;
  }
  const std::int64_t padded = (piece.dim + Vector::lanes - 1) / Vector::lanes * Vector::lanes;
  float* const mixed = piece.mixed;
  for (std::int64_t i = 0; i < piece.heads * padded; ++i) mixed[i] = 0;
  for (std::int64_t head = 0; head < piece.heads; ++head)
    piece.totals[head] =
        exponentials<Vector>(piece.scores + head * piece.positions, piece.positions, piece.scale);
  at = 0;
  for (const KeyValueRun* run = piece.runs; run != piece.runs + piece.run_count; ++run) {
    for (std::int64_t begin = 0; begin < run->length; begin += block_positions) {
      const std::int64_t count =
          run->length - begin < block_positions ? run->length - begin : block_positions;
      const auto* values = static_cast<const Number*>(run->values) + begin * run->value_stride;
      for (std::int64_t head = 0; head < piece.heads; ++head)
        add_head<Vector, Number>(piece.scores + head * piece.positions + at + begin, values,
                                 run->value_stride, count, piece.dim, mixed + head * padded);
    }
    at += run->length;
  }
  for (std::int64_t head = 0; head < piece.heads; ++head) {
    for (std::int64_t i = 0; i < piece.dim; ++i)
      piece.out[head * piece.dim + i] = mixed[head * padded + i] / piece.totals[head];
  }
}

template <class Vector>
constexpr RowKernels kernels_of() {
  return {{multiply<Vector, float>, multiply<Vector, Float16>, multiply<Vector, BFloat16>},
          {attend<Vector, float>, attend<Vector, Float16>, attend<Vector, BFloat16>}};
}

}  // namespace holisafe::nn
