// What the program shows on stderr while it works.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace holisafe::cli {

/// Writes to stderr. What cannot be written there is given up silently: the work and the exit code stay.
void say(std::string_view text);

/// Draws rate and time left on stderr: one line redrawn in place on a terminal, otherwise a plain line every
/// ten seconds. Nothing is drawn in the first two seconds. Thread-safe.
class TerminalProgress : public Progress {
 public:
  explicit TerminalProgress(std::string label, std::string unit = "items");
  ~TerminalProgress() override;
  void update(std::uint64_t done, std::uint64_t total, const std::string& note) override;
  /// So many are done before anything is: the rate is of what follows.
  void begin_at(std::uint64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::string unit_;
  bool animated_;
  bool drawn_ = false;
  std::uint64_t first_ = 0;
  Clock::time_point start_;
  Clock::time_point last_;
  std::mutex mutex_;
};

}  // namespace holisafe::cli
