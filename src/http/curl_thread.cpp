#include "http/curl_thread.h"

#include <algorithm>
#include <map>
#include <utility>

#include "http/curl_setup.h"

namespace holisafe::http {

/// What is under way; the thread's alone.
class CurlThread::Work {
 public:
  explicit Work(CURLM* multi) : multi_(multi) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    while (!active_.empty()) drop(active_.begin()->first);
  }

  void follow(const Order& order) {
    if (order.wish == Wish::start) return start(order.job);
    const auto place = std::find_if(active_.begin(), active_.end(),
                                    [&](const auto& each) { return each.second == order.job; });
    if (place == active_.end()) return;
    if (order.wish == Wish::stop) return drop(place->first);
    if (order.job->hear([&] { order.job->resumed(); })) ::curl_easy_pause(place->first, CURLPAUSE_CONT);
  }

  void end_what_is_done() {
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) end(message->easy_handle, message->data.result, true);
    }
  }

  void end_what_is_late() {
    const auto now = CurlJob::Clock::now();
    std::vector<CURL*> late;
    for (const auto& [easy, job] : active_) {
      if (job->deadline() <= now) late.push_back(easy);
    }
    for (CURL* easy : late) end(easy, CURLE_OPERATION_TIMEDOUT, false);
  }

  /// Milliseconds until somebody is late, a second at most.
  [[nodiscard]] int longest_wait() const {
    const auto now = CurlJob::Clock::now();
    auto due = now + std::chrono::seconds(1);
    for (const auto& [easy, job] : active_) due = std::min(due, job->deadline());
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
  }

 private:
  void start(const std::shared_ptr<CurlJob>& job) {
    CURL* easy = ::curl_easy_init();
    if (easy == nullptr || !job->hear([&] { job->set(easy); })) return ::curl_easy_cleanup(easy);
    active_.emplace(easy, job);
    ::curl_multi_add_handle(multi_, easy);
  }

  void end(CURL* easy, CURLcode code, bool in_time) {
    const auto place = active_.find(easy);
    if (place == active_.end()) return;
    const std::shared_ptr<CurlJob> job = place->second;
    active_.erase(place);
    ::curl_multi_remove_handle(multi_, easy);
    job->hear([&] { job->ended(easy, code, in_time); });
    ::curl_easy_cleanup(easy);
  }

  void drop(CURL* easy) {
    ::curl_multi_remove_handle(multi_, easy);
    ::curl_easy_cleanup(easy);
    active_.erase(easy);
  }

  CURLM* multi_;
  std::map<CURL*, std::shared_ptr<CurlJob>> active_;
};

CurlThread::CurlThread() {
  initialise_curl();
  multi_ = ::curl_multi_init();
  thread_ = std::thread([this] { run(); });
}

CurlThread::~CurlThread() { close(); }

void CurlThread::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    ::curl_multi_wakeup(multi_);
  }
  thread_.join();
  ::curl_multi_cleanup(multi_);
}

void CurlThread::start(std::shared_ptr<CurlJob> job) { order(Wish::start, std::move(job)); }
void CurlThread::resume(std::shared_ptr<CurlJob> job) { order(Wish::resume, std::move(job)); }

void CurlThread::stop(const std::shared_ptr<CurlJob>& job) {
  {
    const std::lock_guard lock(job->hearing_);
    job->stopped_ = true;
  }
  order(Wish::stop, job);
}

void CurlThread::order(Wish wish, std::shared_ptr<CurlJob> job) {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  orders_.push_back({wish, std::move(job)});
  ::curl_multi_wakeup(multi_);
}

std::vector<CurlThread::Order> CurlThread::take_orders() {
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, {});
}

void CurlThread::run() {
  Work work(multi_);
  for (;;) {
    for (const Order& each : take_orders()) work.follow(each);
    {
      const std::lock_guard lock(mutex_);
      if (closing_) return;
    }
    int running = 0;
    ::curl_multi_perform(multi_, &running);
    work.end_what_is_done();
    work.end_what_is_late();
    ::curl_multi_poll(multi_, nullptr, 0, work.longest_wait(), nullptr);
  }
}

}  // namespace holisafe::http
