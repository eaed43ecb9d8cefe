// Two runs over the same rows: differences of their figures, and whether they could be chance.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/score.h"

namespace holisafe::metrics {

/// One row that both runs hold; rows unjudged in either are left out of every figure.
struct PairedRow {
  std::uint32_t place = 0;
  std::uint32_t cluster = 0;
  MarkNumber first;
  MarkNumber second;
};

struct PairedRows {
  Places places;
  std::vector<PairedRow> rows;
};

/// McNemar's test (1947), exact: under no difference, each row on which the runs differ falls either way with
/// probability one half.
struct McNemar {
  std::uint64_t only_first_wrong = 0;
  std::uint64_t only_second_wrong = 0;
  double p_value = 1;  ///< two-sided
};
McNemar mcnemar(std::uint64_t only_first_wrong, std::uint64_t only_second_wrong);

/// A figure of both runs over the rows that both judged.
struct PairedFigure {
  std::uint64_t rows = 0;
  double first = 0;
  double second = 0;
  double difference = 0;             ///< second - first
  std::optional<Interval> interval;  ///< of the difference, clustered by image
  /// Over these rows, each wrong as its rate says (wrong_by); of a mean over all its rates. Nothing where
  /// some row counts as a fraction, neither right nor wrong.
  std::optional<McNemar> test;
};

struct Comparison {
  const Figures* definition = nullptr;
  /// In the order of Score::figures. Nothing where there are no rows.
  std::vector<std::optional<PairedFigure>> figures;
  std::uint64_t left_out = 0;  ///< rows unjudged in either run
};

/// `figures` must outlive the comparison.
Comparison compare(const Figures& figures, const PairedRows& rows, const BootstrapOptions& options);

}  // namespace holisafe::metrics
