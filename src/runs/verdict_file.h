// What a rule said of each row of a prediction file, as JSON lines.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "benchmarks/benchmark.h"

namespace holisafe::runs {

/// {"id","parsed","score","state":"scored"|"unparsed"|"unjudged"} a row, in the order in which they are
/// added. `parsed` is what the rule read, null where it read nothing; `score` what the row adds to the rate
/// it counts in, null where it is unjudged. Memory: the lines.
class VerdictLines {
 public:
  explicit VerdictLines(const benchmarks::Benchmark& benchmark) : benchmark_(benchmark) {}
  void add(const benchmarks::Item& item, const std::optional<benchmarks::Mark>& mark);
  /// Errors: those of write_named_file().
  [[nodiscard]] Result<void> write(const std::filesystem::path& file) const;

 private:
  const benchmarks::Benchmark& benchmark_;
  std::string lines_;
};

}  // namespace holisafe::runs
