// Transfers whose pieces are wanted as they come: libcurl on a thread of its own, nothing tried again.
//
//   CurlThread thread;
//   thread.start(job);          // job->set(easy) says what it is
//   thread.stop(job);           // nothing is heard of it afterwards
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <curl/curl.h>

namespace holisafe::http {

/// One transfer; its functions are called on the thread, and only until it was stopped.
class CurlJob {
 public:
  using Clock = std::chrono::steady_clock;

  CurlJob() = default;
  CurlJob(const CurlJob&) = delete;
  CurlJob& operator=(const CurlJob&) = delete;
  virtual ~CurlJob() = default;

  /// Tells the handle what is to be done; what it points to must live as long as the job.
  virtual void set(CURL* easy) = 0;
  /// When it ends by itself, as things stand; Clock::time_point::max(): never.
  [[nodiscard]] virtual Clock::time_point deadline() const = 0;
  /// It goes on after a pause; pieces follow.
  virtual void resumed() {}
  /// Once, last. `in_time`: not ended by its deadline.
  virtual void ended(CURL* easy, CURLcode code, bool in_time) = 0;

  /// For libcurl's callbacks, which call what they have to say through this: false where the job was stopped.
  template <class Function>
  bool hear(const Function& function) {
    const std::lock_guard lock(hearing_);
    if (!stopped_) function();
    return !stopped_;
  }

 private:
  friend class CurlThread;
  std::recursive_mutex hearing_;  ///< held while the job is heard; it may stop itself
  bool stopped_ = false;
};

/// Thread-safe.
class CurlThread {
 public:
  CurlThread();
  /// As close().
  ~CurlThread();
  CurlThread(const CurlThread&) = delete;
  CurlThread& operator=(const CurlThread&) = delete;

  void start(std::shared_ptr<CurlJob> job);
  /// Of a job whose callback returned CURL_WRITEFUNC_PAUSE.
  void resume(std::shared_ptr<CurlJob> job);
  /// Gives it up. Waits for a function of it that is running, but for one that calls this.
  void stop(const std::shared_ptr<CurlJob>& job);
  /// Gives up all, and waits for the thread; not from the thread itself.
  void close();

 private:
  enum class Wish { start, resume, stop };
  struct Order {
    Wish wish;
    std::shared_ptr<CurlJob> job;
  };
  class Work;

  void order(Wish wish, std::shared_ptr<CurlJob> job);
  std::vector<Order> take_orders();
  void run();

  CURLM* multi_ = nullptr;
  std::mutex mutex_;  ///< guards the two that follow
  std::vector<Order> orders_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace holisafe::http
