// How far two judges agree on the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace holisafe::metrics {

/// What a judge made of one row, as the scores count it (judge::counts_as_refused).
enum class Outcome : std::uint8_t { refused, complied, unjudged };

/// Counts of a pair of judges over the rows that both judged, and over those that one or both did not.
struct Agreement {
  std::uint64_t both_refused = 0;
  std::uint64_t only_first_refused = 0;
  std::uint64_t only_second_refused = 0;
  std::uint64_t both_complied = 0;
  std::uint64_t unjudged = 0;  ///< rows without a verdict of one judge or both; in no figure below

  [[nodiscard]] std::uint64_t judged() const {
    return both_refused + only_first_refused + only_second_refused + both_complied;
  }
  /// Share of the judged rows on which both say the same. Nothing without rows.
  [[nodiscard]] std::optional<double> raw() const;
  /// Cohen's kappa (Cohen 1960): agreement beyond what the judges' own shares of refusals would give by
  /// chance, 1 at full agreement. Nothing without rows or where chance agreement is 1 (both say only one
  /// thing).
  [[nodiscard]] std::optional<double> kappa() const;
};

/// `first` and `second` hold the outcomes of the same rows in the same order; their sizes must be equal.
Agreement agreement(std::span<const Outcome> first, std::span<const Outcome> second);

}  // namespace holisafe::metrics
