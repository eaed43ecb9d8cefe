#include "train/data_order.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace holisafe::train {
namespace {

/// Uniform in 0 … bound-1 without the bias of a plain modulo; std::uniform_int_distribution differs between
/// libraries.
std::uint64_t uniform_below(std::mt19937_64& generator, std::uint64_t bound) {
  const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % bound;
  std::uint64_t drawn = generator();
  while (drawn >= limit) drawn = generator();
  return drawn % bound;
}

}  // namespace

std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::mt19937_64 generator(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[uniform_below(generator, i)]);
  return order;
}

DataOrder::DataOrder(const DataOrderOptions& options)
    : options_(options), steps_per_epoch_((options.samples + samples_per_step() - 1) / samples_per_step()) {}

std::vector<std::int64_t> DataOrder::step_samples(std::int64_t step) {
  const std::int64_t epoch = (step - 1) / steps_per_epoch_;
  if (epoch != cached_epoch_) {
    if (options_.shuffle) {
      std::seed_seq mixed{static_cast<std::uint32_t>(options_.seed),
                          static_cast<std::uint32_t>(options_.seed >> 32), static_cast<std::uint32_t>(epoch)};
      std::uint32_t words[2];
      mixed.generate(words, words + 2);
      order_ = permutation(options_.samples, (std::uint64_t{words[0]} << 32) | words[1]);
    } else if (order_.empty()) {
      order_.resize(static_cast<std::size_t>(options_.samples));
      std::iota(order_.begin(), order_.end(), std::int64_t{0});
    }
    cached_epoch_ = epoch;
  }
  const std::int64_t begin = (step - 1) % steps_per_epoch_ * samples_per_step();
  const std::int64_t end = std::min(options_.samples, begin + samples_per_step());
  return {order_.begin() + begin, order_.begin() + end};
}

std::vector<std::vector<std::int64_t>> DataOrder::micro_batches(std::int64_t step,
                                                                std::span<const std::int64_t> lengths) {
  std::vector<std::int64_t> samples = step_samples(step);
  std::stable_sort(samples.begin(), samples.end(), [&](std::int64_t a, std::int64_t b) {
    return lengths[static_cast<std::size_t>(a)] < lengths[static_cast<std::size_t>(b)];
  });
  std::vector<std::vector<std::int64_t>> out;
  for (std::size_t begin = 0; begin < samples.size();) {
    const std::size_t end = std::min(samples.size(), begin + static_cast<std::size_t>(options_.batch_size));
    out.emplace_back(samples.begin() + static_cast<std::ptrdiff_t>(begin),
                     samples.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
  return out;
}

}  // namespace holisafe::train
