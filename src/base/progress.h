// How libraries tell how far they are and hear that they should stop. They never print: the program draws.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace holisafe {

/// Receives progress. Implementations are thread-safe and cheap to call per item; they throttle what they
/// draw.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;
  /// `done` of `total` items (total 0: unknown), with a short note such as "ASR 12.3%".
  virtual void update(std::uint64_t done, std::uint64_t total, const std::string& note) = 0;
};

/// Set by the program's signal handler, read by long loops. Lock-free, so safe inside a signal handler.
class StopFlag {
 public:
  void request() { requests_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] bool requested() const { return requests_.load(std::memory_order_relaxed) > 0; }
  /// Second Ctrl-C: give up what is in flight too.
  [[nodiscard]] bool urgent() const { return requests_.load(std::memory_order_relaxed) > 1; }

 private:
  std::atomic<int> requests_{0};
};

}  // namespace holisafe
