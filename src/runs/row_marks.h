// From what a run holds of a row to its mark: the one place where answers and judgements become figures.
#pragma once

#include <string>

#include "benchmarks/benchmark.h"
#include "metrics/marks.h"
#include "runs/add_samples.h"
#include "runs/run_rows.h"

namespace holisafe::runs {

/// The benchmark that a run is of; runs that do not say are of HoliSafe-Bench. Errors: those of the store;
/// unsupported (a benchmark that this program has not).
Result<const benchmarks::Benchmark*> benchmark_of(const Run& run);

/// The mark of `item` with these answers, by a rule of the benchmark; unjudged without answers.
metrics::MarkNumber mark_by_rule(const benchmarks::Benchmark& benchmark, const benchmarks::Rule& rule,
                                 const benchmarks::Item& item, std::span<const std::string> answers);

/// Marks the rows of a run as one judge, or rule, sees them.
class RowMarks {
 public:
  RowMarks(const benchmarks::Benchmark& benchmark, std::string judge);

  /// As its judge says of an answered row, as the store says of a filtered one, unjudged otherwise.
  [[nodiscard]] metrics::MarkNumber mark(const store::Row& row, const benchmarks::Item& item,
                                         FilterAs filter_as) const;
  [[nodiscard]] const std::string& judge() const { return judge_; }

 private:
  const benchmarks::Benchmark* benchmark_;
  const benchmarks::Rule* rule_;
  std::string judge_;
};

}  // namespace holisafe::runs
