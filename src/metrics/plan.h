// Figures made ready to count: groups and labels as numbers, for the places that occur.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "metrics/marks.h"

namespace holisafe::metrics {

/// What counts and what was judged of some rows.
struct Share {
  double counted = 0;
  double judged = 0;
  /// Nothing where nothing was judged.
  [[nodiscard]] double value() const {
    return judged > 0 ? counted / judged : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Rates and means over slices: the distinct sets of rows that rates are taken over.
class Plan {
 public:
  /// A rate over a slice. The first terms are the figures' rates in their order; behind them those that means
  /// over each value of a group need.
  struct Term {
    std::uint32_t slice = 0;
    std::uint32_t rate = 0;
  };

  /// `figures` must outlive it.
  Plan(const Figures& figures, std::span<const Groups> places);

  [[nodiscard]] const Figures& figures() const { return *figures_; }
  [[nodiscard]] std::size_t slices() const { return slices_.size(); }
  [[nodiscard]] const std::vector<Term>& terms() const { return terms_; }
  /// Slices that a place's rows belong to.
  [[nodiscard]] std::span<const std::uint32_t> slices_of(std::uint32_t place) const {
    return place_slices_[place];
  }
  /// Terms that a place's rows belong to.
  [[nodiscard]] std::span<const std::uint32_t> terms_of(std::uint32_t place) const {
    return place_terms_[place];
  }
  /// The terms that a mean is over.
  [[nodiscard]] const std::vector<std::uint32_t>& mean_terms(std::size_t mean) const {
    return mean_terms_[mean];
  }
  /// Rates and means together.
  [[nodiscard]] std::size_t count() const { return figures_->rates.size() + figures_->means.size(); }

  /// Counters of a label, at least one.
  [[nodiscard]] std::size_t labels() const { return labels_; }
  /// Whether some rate is over values.
  [[nodiscard]] bool has_values() const { return has_values_; }
  /// Whether rows so labelled count in a rate that has labels.
  [[nodiscard]] bool counts(std::uint32_t rate, std::size_t label) const {
    return counts_[rate * labels_ + label];
  }
  [[nodiscard]] bool by_value(std::uint32_t rate) const { return figures_->rates[rate].labels.empty(); }
  /// What a mark adds to a rate's counted rows.
  [[nodiscard]] double weight(std::uint32_t rate, const MarkNumber& mark) const {
    return by_value(rate) ? mark.value : (counts(rate, mark.label) ? 1 : 0);
  }

  /// The values of all figures, NaN where undefined, from the shares of all terms.
  void values(std::span<const Share> terms, std::span<double> out) const;

 private:
  std::uint32_t slice(const std::vector<Where>& where);

  const Figures* figures_;
  std::vector<std::vector<Where>> slices_;
  std::vector<Term> terms_;
  std::vector<std::vector<std::uint32_t>> mean_terms_;
  std::vector<std::vector<std::uint32_t>> place_slices_;
  std::vector<std::vector<std::uint32_t>> place_terms_;
  std::size_t labels_ = 1;
  bool has_values_ = false;
  std::vector<bool> counts_;
};

inline std::optional<double> defined(double value) {
  return value == value ? std::optional(value) : std::nullopt;
}

/// The values of a group in their order: as the figures say, then as they appear; empty ones left out. Values
/// that no place has are left out too.
std::vector<std::string> values_of(const Group& group, std::span<const Groups> places);

}  // namespace holisafe::metrics
