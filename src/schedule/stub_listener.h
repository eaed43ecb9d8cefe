// For tests: a listener that keeps what it hears, and can be waited for.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schedule/request.h"

namespace holisafe::schedule {

class StubListener final : public Listener {
 public:
  void admitted() override {
    const std::lock_guard lock(mutex_);
    if (++admitted_ > 1 || verdicts_ > 0 || !text_.empty() || end_) out_of_order_ = true;
  }
  void verdict(const taxonomy::Verdict&) override {
    {
      const std::lock_guard lock(mutex_);
      if (!text_.empty() || end_) out_of_order_ = true;
      ++verdicts_;
    }
    on_verdict();
  }
  void grounds(const Grounds& grounds) override {
    const std::lock_guard lock(mutex_);
    if (verdicts_ == 0 || !text_.empty() || end_) out_of_order_ = true;
    grounds_.push_back(grounds);
  }
  void text(std::string_view text) override {
    {
      const std::lock_guard lock(mutex_);
      if (end_) out_of_order_ = true;
      text_ += text;
    }
    on_text();
  }
  void end(Result<chat::Reply> reply) override {
    on_end();
    const std::lock_guard lock(mutex_);
    end_ = std::move(reply);
    ++ends_;
    changed_.notify_all();
  }

  /// Its end.
  Result<chat::Reply> wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [this] { return end_.has_value(); }))
      return fail(ErrorKind::internal, "no end");
    return *end_;
  }
  /// Its error's kind; internal where there is none.
  ErrorKind error() {
    const auto end = wait();
    return end ? ErrorKind::internal : end.error().kind;
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  [[nodiscard]] int verdicts() const {
    const std::lock_guard lock(mutex_);
    return verdicts_;
  }
  [[nodiscard]] std::vector<Grounds> grounds() const {
    const std::lock_guard lock(mutex_);
    return grounds_;
  }
  [[nodiscard]] int admissions() const {
    const std::lock_guard lock(mutex_);
    return admitted_;
  }
  [[nodiscard]] int ends() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }
  [[nodiscard]] bool out_of_order() const {
    const std::lock_guard lock(mutex_);
    return out_of_order_ || ends_ > 1;
  }
  [[nodiscard]] bool heard_anything() const {
    const std::lock_guard lock(mutex_);
    return verdicts_ > 0 || !text_.empty() || end_;
  }

  Ticket ticket;
  std::function<void()> on_verdict = [] {};
  std::function<void()> on_text = [] {};
  std::function<void()> on_end = [] {};

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  int admitted_ = 0;
  int verdicts_ = 0;
  std::vector<Grounds> grounds_;
  int ends_ = 0;
  bool out_of_order_ = false;
  std::optional<Result<chat::Reply>> end_;
};

}  // namespace holisafe::schedule
