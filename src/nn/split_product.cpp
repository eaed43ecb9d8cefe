#include "nn/split_product.h"

#include <algorithm>
#include <memory>

#include <ATen/Parallel.h>

#include "nn/threads.h"
#include "nn/tile_kernels.h"

namespace holisafe::nn {
namespace {

// Measured among others on a Xeon with 48 KB and 2 MB a core (perf/decode_rows.cpp): sums are read and
// written once for so many steps, and with the weights of those steps stay in the second cache level.
constexpr std::int64_t steps_at_once = 12;
constexpr std::int64_t most_row_blocks = 20;     ///< of a task
constexpr std::int64_t most_feature_blocks = 8;  ///< of a task

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// x split into parts, in the order in which they are read: [steps_at_once at a time, blocks of rows, steps].
class SplitRows {
 public:
  explicit SplitRows(const torch::Tensor& x)
      : rows_(x.size(0)),
        in_(x.size(1)),
        parts_(at::empty({steps() * row_blocks() * step_size}, x.options().dtype(torch::kBFloat16))) {
    const auto* const from = x.const_data_ptr<float>();
    auto* const to = reinterpret_cast<std::uint16_t*>(parts_.mutable_data_ptr<c10::BFloat16>());
    const std::int64_t pieces = divide_up(steps(), steps_at_once);
    on_threads(pieces * row_blocks(), at::get_num_threads(), [&](Tasks& tasks) {
      while (const auto task = tasks.take()) {
        const std::int64_t step = *task / row_blocks() * steps_at_once;
        const std::int64_t block = *task % row_blocks();
        split_block(BlockSource<float>{from + block * block_side * in_ + step * tile_columns, in_,
                                       std::min(block_side, rows_ - block * block_side), columns(step)},
                    to + place(step, block));
      }
    });
  }

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t row_blocks() const { return divide_up(rows_, block_side); }
  [[nodiscard]] std::int64_t steps() const { return divide_up(in_, tile_columns); }
  /// Of those steps that are done at once, from `step` on.
  [[nodiscard]] std::int64_t columns(std::int64_t step) const {
    return std::min(steps_at_once * tile_columns, in_ - step * tile_columns);
  }
  [[nodiscard]] const std::uint16_t* at(std::int64_t step, std::int64_t block) const {
    return reinterpret_cast<const std::uint16_t*>(parts_.const_data_ptr<c10::BFloat16>()) +
           place(step, block);
  }

 private:
  static constexpr std::int64_t step_size = 2 * float_parts * tile_numbers;

  [[nodiscard]] std::int64_t place(std::int64_t step, std::int64_t block) const {
    return (step * row_blocks() + block * std::min(steps_at_once, steps() - step)) * step_size;
  }

  std::int64_t rows_;
  std::int64_t in_;
  torch::Tensor parts_;
};

/// How a product is shared out: some blocks of features of some blocks of rows a task.
struct Shares {
  std::int64_t feature_blocks;  ///< of a task
  std::int64_t feature_shares;
  std::int64_t row_shares;

  Shares(const SplitRows& x, std::int64_t features, std::int64_t threads)
      : feature_blocks(std::clamp(divide_up(features, block_side) / (2 * threads), std::int64_t{1},
                                  most_feature_blocks)),
        feature_shares(divide_up(features, feature_blocks * block_side)),
        row_shares(divide_up(x.row_blocks(), most_row_blocks)) {}
};

/// One thread's part of a product with a weight of Number, which has so many parts.
template <class Number, std::int64_t weight_parts>
class Multiplication {
 public:
  Multiplication(const SplitRows& x, const Number* weight, std::int64_t in, std::int64_t features,
                 const Shares& shares)
      : x_(x),
        weight_(weight),
        in_(in),
        features_(features),
        shares_(shares),
        weights_(std::make_unique_for_overwrite<std::uint16_t[]>(shares.feature_blocks * block_weights)),
        sums_(std::make_unique_for_overwrite<float[]>(shares.feature_blocks * most_row_blocks * block_sums)) {
    take_tiles();
  }
  ~Multiplication() { leave_tiles(); }
  Multiplication(const Multiplication&) = delete;
  Multiplication& operator=(const Multiplication&) = delete;

  /// Into out [rows, features].
  void run(std::int64_t task, float* out) {
    const std::int64_t first_feature = task % shares_.feature_shares * shares_.feature_blocks * block_side;
    const std::int64_t first_row = task / shares_.feature_shares * most_row_blocks;
    const std::int64_t row_blocks = std::min(most_row_blocks, x_.row_blocks() - first_row);
    for (std::int64_t step = 0; step < x_.steps(); step += steps_at_once) {
      take_weights(first_feature, step);
      for (std::int64_t i = 0; i < row_blocks; ++i) {
        fetch_weights(first_feature, step + steps_at_once, i, row_blocks);
        multiply(step, first_row + i, sums_of(i));
      }
    }
    for (std::int64_t i = 0; i < row_blocks; ++i) write(first_row + i, first_feature, sums_of(i), out);
  }

 private:
  static constexpr std::int64_t block_weights = steps_at_once * weight_parts * 2 * tile_numbers;

  /// Of a block of rows, with all blocks of features.
  [[nodiscard]] float* sums_of(std::int64_t row_block) const {
    return sums_.get() + row_block * shares_.feature_blocks * block_sums;
  }

  void take_weights(std::int64_t first_feature, std::int64_t step) {
    for (std::int64_t i = 0; i < shares_.feature_blocks; ++i) {
      const std::int64_t feature = std::min(first_feature + i * block_side, features_);
      split_block(BlockSource<Number>{weight_ + feature * in_ + step * tile_columns, in_,
                                      std::min(block_side, features_ - feature), x_.columns(step)},
                  weights_.get() + i * block_weights);
    }
  }

  /// A share of the weights that come next on their way: their rows lie too far apart for the processor to
  /// see what will be read.
  void fetch_weights(std::int64_t first_feature, std::int64_t step, std::int64_t share,
                     std::int64_t shares) const {
    if (step >= x_.steps()) return;
    constexpr std::int64_t line_numbers = 64 / sizeof(Number);
    const std::int64_t count = std::min(shares_.feature_blocks * block_side, features_ - first_feature);
    for (std::int64_t i = share * count / shares; i < (share + 1) * count / shares; ++i) {
      const Number* const row = weight_ + (first_feature + i) * in_ + step * tile_columns;
      for (std::int64_t column = 0; column < x_.columns(step); column += line_numbers)
        __builtin_prefetch(row + column);
    }
  }

  void multiply(std::int64_t step, std::int64_t row_block, float* sums) const {
    TileProduct product;
    product.x = x_.at(step, row_block);
    product.steps = divide_up(x_.columns(step), tile_columns);
    product.begins = step == 0;
    for (std::int64_t i = 0; i < shares_.feature_blocks; ++i) {
      product.weight = weights_.get() + i * block_weights;
      product.sums = sums + i * block_sums;
      if constexpr (weight_parts == 1)
        add_tiles_of_bfloat16(product);
      else
        add_tiles_of_float16(product);
    }
  }

  void write(std::int64_t row_block, std::int64_t first_feature, const float* sums, float* out) const {
    const std::int64_t row = row_block * block_side;
    for (std::int64_t i = 0; i < shares_.feature_blocks; ++i) {
      const std::int64_t feature = first_feature + i * block_side;
      write_sums(sums + i * block_sums, std::min(block_side, x_.rows() - row),
                 std::min(block_side, features_ - feature), out + row * features_ + feature, features_);
    }
  }

  const SplitRows& x_;
  const Number* weight_;
  std::int64_t in_;
  std::int64_t features_;
  const Shares& shares_;
  std::unique_ptr<std::uint16_t[]> weights_;  ///< by block of features, its steps
  std::unique_ptr<float[]> sums_;             ///< by block of rows, then of features
};

template <class Number, std::int64_t weight_parts>
void multiply(const SplitRows& x, const torch::Tensor& weight, torch::Tensor& out) {
  const std::int64_t features = weight.size(0);
  const std::int64_t threads = at::get_num_threads();
  const Shares shares(x, features, threads);
  const auto* const numbers = static_cast<const Number*>(weight.const_data_ptr());
  auto* const to = out.mutable_data_ptr<float>();
  on_threads(shares.feature_shares * shares.row_shares, threads, [&](Tasks& tasks) {
    Multiplication<Number, weight_parts> multiplication(x, numbers, weight.size(1), features, shares);
    while (const auto task = tasks.take()) multiplication.run(*task, to);
  });
}

}  // namespace

torch::Tensor multiply_split(const torch::Tensor& x, const torch::Tensor& weight) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1) && x.is_contiguous() &&
                  weight.is_contiguous(),
              "multiply_split: expected a contiguous x [rows, in] and weight [out, in]");
  if (x.numel() == 0 || weight.numel() == 0) return at::zeros({x.size(0), weight.size(0)}, x.options());
  auto out = at::empty({x.size(0), weight.size(0)}, x.options());
  const SplitRows parts(x);
  if (weight.scalar_type() == torch::kBFloat16)
    multiply<BFloat16, 1>(parts, weight, out);
  else
    multiply<Float16, 2>(parts, weight, out);
  return out;
}

}  // namespace holisafe::nn
