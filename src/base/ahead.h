// Work on threads ahead of who needs its results, which come in the order of what was pushed.
//
//   Ahead<Path, Picture> ahead(decode, 2);
//   for (const Path& path : paths) ahead.push(path);
//   ahead.end();
//   while (auto picture = ahead.next()) …
#pragma once

#include <algorithm>
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

#include "base/in_order.h"
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
      : work_(std::move(work)), results_(most) {
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
    results_.push(task.get_future());
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    queued_.notify_one();
  }

  /// Nothing will be pushed any more.
  void end() { results_.end(); }

  /// Waits until fewer than `most` results wait; false after close().
  bool wait_for_room() { return results_.wait_for_room(); }

  /// Pushed and not yet given by next().
  [[nodiscard]] std::size_t waiting() const { return results_.waiting(); }

  /// The oldest result, or what its work threw; waits for it. Nothing after end() and the last one, after
  /// close(), or when `stop` is requested.
  std::optional<Out> next(const StopFlag* stop = nullptr) { return results_.next(stop); }

  /// Drops what is queued; nothing comes any more.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    queued_.notify_all();
    results_.close();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      queued_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (closed_) return;
      std::packaged_task<Out()> task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  Work work_;
  InOrder<Out> results_;
  std::mutex mutex_;  ///< of the two below
  std::condition_variable queued_;
  bool closed_ = false;
  std::deque<std::packaged_task<Out()>> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace holisafe
