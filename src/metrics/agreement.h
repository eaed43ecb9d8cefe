// How far two judges agree on the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/marks.h"

namespace holisafe::metrics {

/// Counts of a pair of judges over the rows that both judged, and over those that one or both did not.
class Agreement {
 public:
  explicit Agreement(std::size_t labels) : labels_(labels), counts_(labels * labels) {}

  /// The marks of one row.
  void add(const MarkNumber& first, const MarkNumber& second);

  [[nodiscard]] std::uint64_t judged() const;
  /// Rows without a mark of one judge or both; in no figure below.
  [[nodiscard]] std::uint64_t unjudged() const { return unjudged_; }
  /// Share of the judged rows on which both say the same. Nothing without rows.
  [[nodiscard]] std::optional<double> raw() const;
  /// Cohen's kappa (Cohen 1960): agreement beyond what the judges' own shares of labels would give by chance,
  /// 1 at full agreement. Nothing without rows or where chance agreement is 1 (both say only one thing).
  [[nodiscard]] std::optional<double> kappa() const;

 private:
  std::size_t labels_;
  std::vector<std::uint64_t> counts_;  ///< [first][second]
  std::uint64_t unjudged_ = 0;
};

}  // namespace holisafe::metrics
