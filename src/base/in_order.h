// Results in the order in which they were begun, whoever makes them and whichever is ready first.
//
//   InOrder<Picture> pictures;
//   pictures.push(promise.get_future());   // kept by any thread, later
//   pictures.end();
//   while (auto picture = pictures.next()) …
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "base/progress.h"

namespace holisafe {

/// push(), end() and wait_for_room() are called by one thread, next() by one, which may be another.
template <class Out>
class InOrder {
 public:
  /// `most`: results at most that wait for next(), before wait_for_room() holds back.
  explicit InOrder(std::size_t most = std::numeric_limits<std::size_t>::max()) : most_(most) {}

  /// Never waits.
  void push(std::future<Out> result) {
    {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
    }
    changed_.notify_all();
  }

  /// Nothing will be pushed any more.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
  }

  /// Waits until fewer than `most` results wait; false after close().
  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || results_.size() < most_; });
    return !closed_;
  }

  /// Pushed and not yet given by next().
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }

  /// The oldest result, or the exception in its place; waits for it. Nothing after end() and the last one,
  /// after close(), or when `stop` is requested.
  std::optional<Out> next(const StopFlag* stop = nullptr) {
    const auto stopped = [stop] { return stop != nullptr && stop->requested(); };
    std::unique_lock lock(mutex_);
    while (results_.empty()) {
      if (ended_ || closed_ || stopped()) return std::nullopt;
      changed_.wait_for(lock, stop_poll);
    }
    std::future<Out>& oldest = results_.front();  // stays where it is: others only push at the back
    lock.unlock();
    while (oldest.wait_for(stop_poll) != std::future_status::ready) {
      if (stopped()) return std::nullopt;
    }
    if (stopped()) return std::nullopt;
    lock.lock();
    std::future<Out> taken = std::move(oldest);
    results_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return taken.get();
  }

  /// Nothing comes any more, and nobody waits for room.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  static constexpr std::chrono::milliseconds stop_poll{100};

  std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  bool closed_ = false;
  std::deque<std::future<Out>> results_;
};

}  // namespace holisafe
