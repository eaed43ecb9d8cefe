#include "http/workers.h"

#include <utility>

namespace holisafe::http {

Workers::Workers(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void Workers::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ && busy_ == 0 && queue_.empty()) return;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !queue_.empty() || (closing_ && busy_ == 0); });
    if (queue_.empty()) return changed_.notify_all();
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    --busy_;
  }
}

}  // namespace holisafe::http
