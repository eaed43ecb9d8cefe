// `holisafe guard --progress json`: how far a run is, for programs.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/progress.h"

namespace holisafe::cli {

/// What came of the files so far.
struct GuardTally {
  std::uint64_t files = 0;
  std::uint64_t flagged = 0;
  std::uint64_t errors = 0;
};

/// Every two seconds {"done", "total", "per_second", "seconds_left", "flagged", "errors"} on stderr; total
/// and seconds_left are null until the files are counted. Called by one thread, which keeps the tally.
class GuardProgressLines final : public Progress {
 public:
  /// `tally` must outlive it.
  explicit GuardProgressLines(const GuardTally& tally) : tally_(tally) {}
  void update(std::uint64_t done, std::uint64_t total, const std::string& note) override;

  /// The last line: {"images", "flagged", "errors", "duplicates", "seconds"}.
  void finish() const;

 private:
  using Clock = std::chrono::steady_clock;

  const GuardTally& tally_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

}  // namespace holisafe::cli
