#include "metrics/agreement.h"

#include <numeric>

namespace holisafe::metrics {

void Agreement::add(const MarkNumber& first, const MarkNumber& second) {
  if (!first.judged() || !second.judged()) {
    ++unjudged_;
  } else {
    ++counts_[first.label * labels_ + second.label];
  }
}

std::uint64_t Agreement::judged() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::optional<double> Agreement::raw() const {
  if (judged() == 0) return std::nullopt;
  std::uint64_t same = 0;
  for (std::size_t label = 0; label < labels_; ++label) same += counts_[label * labels_ + label];
  return static_cast<double>(same) / static_cast<double>(judged());
}

std::optional<double> Agreement::kappa() const {
  const auto observed = raw();
  if (!observed) return std::nullopt;
  const auto rows = static_cast<double>(judged());
  double chance = 0;
  double first_rest = 1;  // shares of the labels not seen yet; the last label's are what is left
  double second_rest = 1;
  for (std::size_t label = 0; label + 1 < labels_; ++label) {
    std::uint64_t by_first = 0;
    std::uint64_t by_second = 0;
    for (std::size_t other = 0; other < labels_; ++other) {
      by_first += counts_[label * labels_ + other];
      by_second += counts_[other * labels_ + label];
    }
    const double first = static_cast<double>(by_first) / rows;
    const double second = static_cast<double>(by_second) / rows;
    chance += first * second;
    first_rest -= first;
    second_rest -= second;
  }
  chance += first_rest * second_rest;
  if (chance >= 1) return std::nullopt;
  return (*observed - chance) / (1 - chance);
}

}  // namespace holisafe::metrics
