// Many questions on one model at once: taken from any thread, admitted when their memory is free, answered a
// step at a time.
//
//   Scheduler scheduler(executor, {.sequences = 8});
//   const auto ticket = scheduler.enqueue(question, listener);   // a service: the listener hears everything
//   scheduler.submit(7, question);                               // one loop that asks: poll() gives replies
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"
#include "schedule/counts.h"
#include "schedule/executor.h"
#include "schedule/inbox.h"
#include "schedule/request.h"
#include "schedule/sequences.h"
#include "schedule/ticket.h"
#include "schedule/waiting_line.h"

namespace holisafe::schedule {

/// Zeros count as one.
struct Limits {
  std::size_t sequences = 8;                           ///< under way at once
  std::size_t queue = 64;                              ///< waiting beside them
  std::uint64_t cache_bytes = std::uint64_t{2} << 30;  ///< for keys and values, of prefixes too
  int prepare_threads = 2;
  std::size_t prepared_ahead = 4;  ///< of those waiting, so many are ready or being made so
};

/// First come, first served, and none is ever preempted: a question is admitted when all the blocks that it
/// can need are free, and nobody overtakes the first in line, not even while it is being made ready. All
/// functions are thread-safe, and may be called from within an event.
///
/// A question's events and end come from the scheduler's thread, in order. After cancel(), finish_only() or
/// drop_all() nothing more is heard of what they drop: they wait for an event of it that is under way on
/// another thread, so no lock that an event takes may be held around them.
///
/// Errors of a question: busy (the queue is full), those of preparing it, too_large (it can never fit),
/// timeout (its deadline), cancelled (given up), the executor's own, internal (the executor threw).
class Scheduler final : public chat::Answerer {
 public:
  /// Where `stop`, which outlives this, is urgent, everything is given up.
  Scheduler(std::shared_ptr<Executor> executor, Limits limits, const StopFlag* stop = nullptr);
  /// Gives up what is under way, and waits for the step and the preparations that are running.
  ~Scheduler() override;

  /// For many clients, whom nobody polls for: the listener hears `end` last, unless the question is cancelled
  /// by cancel(). Busy: the queue is full, and nothing was taken. Where it is not admitted within
  /// `longest_wait`, its end is busy too.
  Result<Ticket> enqueue(chat::Question question, const std::shared_ptr<Listener>& listener,
                         std::optional<chat::milliseconds> longest_wait = std::nullopt);
  /// One that waits goes at once, one under way when the next step begins. No end is heard. Of one that has
  /// ended: nothing.
  void cancel(Ticket ticket);

  /// Whether fewer are in hand (their replies not polled, those of enqueue() not ended) than run at once and
  /// are made ready ahead of them.
  [[nodiscard]] bool has_room() const override;
  /// Where the queue is full, or the key is under way, the reply is an error.
  void submit(chat::Key key, chat::Question question, chat::Events* events = nullptr) override;
  [[nodiscard]] std::size_t pending() const override;
  /// Waits for a reply, where one is to come; not from within an event.
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds longest) override;
  void cancel(chat::Key key) override;
  /// Both drop questions of listeners too, which hear the error cancelled as their end.
  void finish_only() override;
  void drop_all() override;
  [[nodiscard]] std::optional<Error> stopped() const override { return std::nullopt; }
  [[nodiscard]] Faults faults() const override { return {}; }
  [[nodiscard]] bool shares_images() const override { return true; }

  [[nodiscard]] Counts counts() const;

 private:
  using Requests = std::vector<std::shared_ptr<Request>>;

  // Any thread.
  std::optional<Error> refusal(std::optional<chat::Key> key);
  void take(std::shared_ptr<Request> request);
  std::shared_ptr<Request> withdraw(Ticket ticket);
  void let_go(const Requests& dropped);
  void conclude(const std::shared_ptr<Request>& request, Result<chat::Reply> reply);
  [[nodiscard]] bool is_stopped() const { return stop_ != nullptr && stop_->urgent(); }
  static Error given_up_error() { return {ErrorKind::cancelled, "answer given up", {}, {}}; }

  // Threads that make ready.
  void run_preparing();
  [[nodiscard]] Result<Ready> make_ready(const chat::Question& question) const;

  // The scheduler's thread.
  void run();
  bool wait_for_work();
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] std::optional<Clock::time_point> next_look() const;
  void let_leave();
  void admit();
  void tell(Ticket ticket, Outcome outcome);
  void tell_ends();

  const std::shared_ptr<Executor> executor_;
  const Limits limits_;
  const StopFlag* const stop_;
  const std::uint64_t bytes_per_position_;

  /// Guards what stands below it up to the threads. Never held while an event, the executor's functions or a
  /// request's own lock are entered (what was made ready may be destroyed under it).
  mutable std::mutex mutex_;
  std::condition_variable work_;        ///< for the scheduler's thread
  std::condition_variable unprepared_;  ///< for those that make ready
  std::condition_variable replied_;     ///< for poll()
  bool closing_ = false;
  std::uint64_t last_ticket_ = 0;
  WaitingLine line_;
  std::map<Ticket, std::shared_ptr<Request>> running_;  ///< admitted, neither ended nor cancelled
  std::vector<Ticket> leaving_;                         ///< no longer running, to leave the sequences
  /// Listeners that are to hear their question's end.
  std::map<Ticket, std::pair<std::shared_ptr<Request>, Result<chat::Reply>>> ending_;
  Inbox inbox_;
  Counts counts_;

  Sequences sequences_;  ///< the scheduler's thread alone
  std::vector<std::thread> preparing_;
  std::thread thread_;
};

}  // namespace holisafe::schedule
