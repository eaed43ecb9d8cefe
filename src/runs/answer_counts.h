// How many of a model's answers say nothing, were cut short, or came with reasoning, and what is said of
// that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/benchmark.h"
#include "metrics/score.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Of a run's rows.
class RunAnswers {
 public:
  void add(const store::Answer& answer);
  /// Fills in what the score says of them.
  void put_into(metrics::Score& score) const;
  /// A warning for each kind that there is; `empty_as`: how empty ones count.
  [[nodiscard]] std::vector<std::string> warnings(std::string_view run, std::string_view empty_as) const;

 private:
  std::uint64_t answers_ = 0;
  std::uint64_t empty_ = 0;
  std::string reason_;  ///< of the first empty answer
  std::uint64_t cut_off_ = 0;
};

/// Of a prediction file's rows, which do not say where they were cut.
class FileAnswers {
 public:
  /// `exact`: whether the rule marks texts exactly as somebody's script does; `empty_as`: how empty ones
  /// count.
  FileAnswers(const benchmarks::Benchmark& benchmark, bool exact, std::string_view empty_as)
      : benchmark_(&benchmark), exact_(exact), empty_as_(empty_as) {}
  void add(std::string_view text);
  void put_into(metrics::Score& score) const;
  [[nodiscard]] std::vector<std::string> warnings(std::string_view file) const;

 private:
  const benchmarks::Benchmark* benchmark_;
  bool exact_;
  std::string empty_as_;
  std::uint64_t empty_ = 0;
  std::uint64_t thinking_ = 0;
};

}  // namespace holisafe::runs
