// One question on its way through the scheduler, and who hears of it.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"
#include "chat/chat.h"
#include "schedule/executor.h"
#include "schedule/ticket.h"

namespace holisafe::schedule {

/// Hears of one question, from the scheduler's thread, one call at a time: events, then its end. May cancel
/// questions and bring new ones; must not destroy the scheduler. One that throws is cancelled.
class Listener : public chat::Events {
 public:
  /// Once, first: the wait in line is over.
  virtual void admitted() {}
  /// Behind the verdict, from an executor that was asked for it.
  virtual void grounds(const Grounds& grounds) { static_cast<void>(grounds); }
  /// Once and last, unless the question was cancelled: the reply, or why there is none.
  virtual void end(Result<chat::Reply> reply) = 0;
};

using Clock = std::chrono::steady_clock;

/// Shared by the threads that have to do with it.
class Request {
 public:
  Request(Ticket ticket, chat::Question asked, std::optional<chat::Key> key)
      : question(std::move(asked)), ticket_(ticket), key_(key) {
    const auto longest = question.how.deadline;
    if (longest && *longest < std::chrono::hours(24 * 365)) deadline_ = Clock::now() + *longest;
  }

  [[nodiscard]] Ticket ticket() const { return ticket_; }
  /// Of one that was submitted under a key, whose reply poll() gives.
  [[nodiscard]] std::optional<chat::Key> key() const { return key_; }
  [[nodiscard]] std::optional<Clock::time_point> deadline() const { return deadline_; }
  [[nodiscard]] bool is_late(Clock::time_point now) const { return deadline_ && *deadline_ <= now; }
  /// Before anybody else knows the request: how long it may wait to be admitted.
  void wait_at_most(std::chrono::milliseconds longest) {
    if (longest < std::chrono::hours(24 * 365)) admit_by_ = Clock::now() + longest;
  }
  /// The earlier of the two, for one that waits.
  [[nodiscard]] std::optional<Clock::time_point> waiting_deadline() const {
    return deadline_ && admit_by_ ? std::min(*deadline_, *admit_by_) : deadline_ ? deadline_ : admit_by_;
  }

  /// Before anybody else knows the request.
  void hear(std::shared_ptr<chat::Events> events, std::shared_ptr<Listener> listener) {
    events_ = std::move(events);
    listener_ = std::move(listener);
  }
  /// Calls whoever listens to events.
  void tell(const std::function<void(chat::Events&)>& call) {
    const std::lock_guard lock(telling_);
    if (const auto events = events_) call(*events);
  }
  /// The same of who hears more than events.
  void tell_listener(const std::function<void(Listener&)>& call) {
    const std::lock_guard lock(telling_);
    if (const auto listener = listener_) call(*listener);
  }
  /// Calls the listener with the end, if there is one; nothing is told afterwards.
  void end(Result<chat::Reply> reply) {
    const std::lock_guard lock(telling_);
    const auto listener = listener_;
    silence();
    if (listener != nullptr) listener->end(std::move(reply));
  }
  /// Nothing is told from now on. Waits for a call under way, unless from within it.
  void silence() {
    std::shared_ptr<chat::Events> events;
    std::shared_ptr<Listener> listener;
    const std::lock_guard lock(telling_);
    events.swap(events_);
    listener.swap(listener_);
  }

  /// Until it was made ready; read and emptied by the thread that does so.
  chat::Question question;

 private:
  const Ticket ticket_;
  const std::optional<chat::Key> key_;
  std::optional<Clock::time_point> deadline_;
  std::optional<Clock::time_point> admit_by_;
  /// Held during a call, which may silence its own request; guards the two below. No other lock is held by
  /// the scheduler when it is taken.
  std::recursive_mutex telling_;
  std::shared_ptr<chat::Events> events_;
  std::shared_ptr<Listener> listener_;
};

}  // namespace holisafe::schedule
