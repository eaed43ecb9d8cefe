// Work on threads ahead of who needs its results, which come in the order of what was pushed.
//
//   Ahead<Path, Picture> ahead(decode, 2);
//   for (const Path& path : paths) ahead.push(path);
//   ahead.end();
//   while (auto picture = ahead.next()) …
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/progress.h"

namespace holisafe {

/// push(), end() and wait_for_room() are called by one thread, next() by one, which may be another. `work`
/// runs on any of `threads`, at least one.
template <class In, class Out>
class Ahead {
 public:
  using Work = std::function<Out(In)>;

  /// `most`: results at most that wait for next(), before wait_for_room() holds back.
  Ahead(Work work, int threads, std::size_t most = std::numeric_limits<std::size_t>::max())
      : work_(std::move(work)), most_(most) {
    for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { run(); });
  }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  /// Waits for the work under way; what is queued is dropped.
  ~Ahead() {
    close();
    for (std::thread& thread : threads_) thread.join();
  }

  /// Never waits.
  void push(In in) {
    std::packaged_task<Out()> task([this, in = std::move(in)]() mutable { return work_(std::move(in)); });
    {
      const std::lock_guard lock(mutex_);
      results_.push_back(task.get_future());
      queue_.push_back(std::move(task));
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

  /// The oldest result, or what its work threw; waits for it. Nothing after end() and the last one, after
  /// close(), or when `stop` is requested.
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

  /// Drops what is queued; nothing comes any more.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  static constexpr std::chrono::milliseconds stop_poll{100};

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (closed_) return;
      std::packaged_task<Out()> task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  Work work_;
  std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  bool closed_ = false;
  std::deque<std::packaged_task<Out()>> queue_;
  std::deque<std::future<Out>> results_;
  std::vector<std::thread> threads_;
};

}  // namespace holisafe
