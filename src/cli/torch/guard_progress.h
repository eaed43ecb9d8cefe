// `holisafe guard --progress json`: how far a run is, for programs.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/progress.h"
#include "runs/guard_results.h"

namespace holisafe::cli {

/// Every two seconds {"done", "total", "per_second", "seconds_left", "flagged", "errors"} on stderr; total
/// and seconds_left are null until the files are counted. Called by one thread, which keeps the summary.
class GuardProgressLines final : public Progress {
 public:
  /// `so_far` must outlive it.
  explicit GuardProgressLines(const runs::GuardSummary& so_far) : so_far_(so_far) {}
  /// So many are done before anything is: the rate is of what follows.
  void begin_at(std::uint64_t done);
  void update(std::uint64_t done, std::uint64_t total, const std::string& note) override;

  /// The last line: {"images", "flagged", "errors", "duplicates", "seconds"}.
  void finish(const runs::GuardSummary& summary) const;
  /// Since it was made.
  [[nodiscard]] double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  const runs::GuardSummary& so_far_;
  std::uint64_t first_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point rate_start_ = start_;
  Clock::time_point last_ = start_;
};

}  // namespace holisafe::cli
