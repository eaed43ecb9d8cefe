// Which samples make up an optimizer step, and which rank takes them in which micro-batch.
//
// The order depends on the seed alone, never on the number of ranks: a step takes the next batch_size x
// grad_accum x ranks samples of the epoch, sorts them by length, and cuts them into micro-batches that are
// dealt to the ranks in turn.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace holisafe::train {

/// Shape of a run's data order.
struct DataOrderOptions {
  std::int64_t samples = 0;        ///< samples of an epoch
  std::int64_t batch_size = 1;     ///< samples of a micro-batch
  std::int64_t micro_batches = 1;  ///< micro-batches of a step over all ranks: grad_accum x ranks
  std::uint64_t seed = 0;
  bool shuffle = true;  ///< false: file order in every epoch
};

/// A deterministic permutation of 0 … count-1 (Fisher-Yates over mt19937_64), the same on every machine.
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed);

/// Samples of each step. Stateless but for a cache of the current epoch's order; not thread-safe.
class DataOrder {
 public:
  explicit DataOrder(const DataOrderOptions& options);

  [[nodiscard]] std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  [[nodiscard]] std::int64_t samples_per_step() const { return options_.batch_size * options_.micro_batches; }

  /// Sample indices of optimizer step `step` (from 1), in the epoch's order. Steps wrap around over epochs;
  /// the last step of an epoch may be smaller.
  std::vector<std::int64_t> step_samples(std::int64_t step);

  /// The same samples as micro-batches of neighbours in length (shortest first, ties in the epoch's order):
  /// micro-batch i belongs to rank i modulo ranks. `lengths` holds one length for every sample of the epoch.
  std::vector<std::vector<std::int64_t>> micro_batches(std::int64_t step,
                                                       std::span<const std::int64_t> lengths);

 private:
  DataOrderOptions options_;
  std::int64_t steps_per_epoch_ = 0;
  std::int64_t cached_epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace holisafe::train
