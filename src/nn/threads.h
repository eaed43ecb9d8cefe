// Work on LibTorch's own threads, so that a process has one pool of them and at::set_num_threads holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include <c10/util/FunctionRef.h>

namespace holisafe::nn {

/// The numbers 0 to count - 1, each given out once. Thread-safe.
class Tasks {
 public:
  explicit Tasks(std::int64_t count) : count_(count) {}
  /// The next one; none when all are given out.
  std::optional<std::int64_t> take() {
    const std::int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
    return task < count_ ? std::optional(task) : std::nullopt;
  }

 private:
  std::atomic<std::int64_t> next_{0};
  std::int64_t count_;
};

/// Calls `work` at once on up to `threads` of LibTorch's threads, the caller's among them, and returns when
/// all have. Each takes tasks until there are none, so a thread whose processor is busy with something else
/// takes fewer. On the caller alone inside another parallel region. `work` must not throw.
void on_threads(std::int64_t count, std::int64_t threads, c10::function_ref<void(Tasks&)> work);

}  // namespace holisafe::nn
