// For tests: an exchange that keeps what is answered, and can be waited for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "http/server.h"

namespace holisafe::serve {

class FakeExchange final : public http::Exchange {
 public:
  void respond(http::ServerResponse response) override {
    change([&] {
      answer_ = std::move(response);
      ended_ = true;
    });
  }
  void begin(int status, http::Headers headers) override {
    change([&] {
      answer_.status = status;
      answer_.headers = std::move(headers);
      begun_ = true;
    });
  }
  void send(std::string bytes) override {
    change([&] { answer_.body += bytes; });
  }
  void finish() override {
    change([&] { ended_ = true; });
  }
  void abort() override {
    change([&] { ended_ = aborted_ = true; });
  }
  [[nodiscard]] std::size_t unsent() const override { return 0; }
  void when_unsent_at_most(std::size_t, std::function<void()> call) override { call(); }
  void when_gone(std::function<void()> call) override {
    const std::lock_guard lock(mutex_);
    when_gone_ = std::move(call);
  }
  [[nodiscard]] bool gone() const override {
    const std::lock_guard lock(mutex_);
    return gone_;
  }

  /// The client goes away.
  void leave() {
    std::function<void()> call;
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
      call = std::exchange(when_gone_, nullptr);
    }
    if (call) call();
  }
  /// The whole answer; status 0 where none came.
  http::ServerResponse wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return ended_; });
    return ended_ ? answer_ : http::ServerResponse{0, {}, "no answer"};
  }
  /// Until so much of a stream has come; false: it never did.
  bool wait_for(std::string_view text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return answer_.body.find(text) != std::string::npos; });
  }
  [[nodiscard]] bool begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
  }
  [[nodiscard]] bool aborted() const {
    const std::lock_guard lock(mutex_);
    return aborted_;
  }

 private:
  template <class Change>
  void change(const Change& change) {
    const std::lock_guard lock(mutex_);
    if (gone_ || ended_) return;
    change();
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  http::ServerResponse answer_;
  bool begun_ = false;
  bool ended_ = false;
  bool aborted_ = false;
  bool gone_ = false;
  std::function<void()> when_gone_;
};

}  // namespace holisafe::serve
