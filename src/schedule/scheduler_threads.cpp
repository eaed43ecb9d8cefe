// What the scheduler's own threads do: one runs steps, others make questions ready.
#include <algorithm>
#include <string>

#include "schedule/caught.h"
#include "schedule/scheduler.h"

namespace holisafe::schedule {
namespace {

/// How long an urgent stop may stay unseen while nothing runs.
constexpr std::chrono::milliseconds stop_poll{100};

Error not_admitted_error() { return {ErrorKind::busy, "no room for the question in time", {}, {}}; }
Error late_error() { return {ErrorKind::timeout, "no answer within the question's deadline", {}, {}}; }

}  // namespace

void Scheduler::run_preparing() {
  while (true) {
    std::shared_ptr<Request> request;
    {
      std::unique_lock lock(mutex_);
      unprepared_.wait(lock, [&] { return closing_ || (request = line_.begin_next()) != nullptr; });
      if (closing_) return;
    }
    auto ready = make_ready(request->question);
    // Images are not needed any more, and may be large.
    request->question = {};
    {
      const std::lock_guard lock(mutex_);
      line_.keep(request->ticket(), ready);
    }
    work_.notify_one();
  }
}

Result<Ready> Scheduler::make_ready(const chat::Question& question) const {
  try {
    HOLISAFE_TRY(auto prepared, executor_->prepare(question));
    HOLISAFE_TRY(const Need need, need_of(*prepared, limits_.cache_bytes, bytes_per_position_));
    return Ready{std::move(prepared), need};
  } catch (...) {
    return fail(caught("cannot make a question ready"));
  }
}

void Scheduler::run() {
  while (wait_for_work()) {
    let_leave();
    admit();
    sequences_.step();
  }
  drop_all();
  sequences_.clear();
  tell_ends();
}

/// False: the scheduler is being destroyed.
bool Scheduler::wait_for_work() {
  std::unique_lock lock(mutex_);
  sequences_.count(counts_);
  while (!closing_ && sequences_.empty() && !has_work()) {
    const auto look = next_look();
    if (!look) {
      work_.wait(lock);
    } else if (*look <= Clock::now()) {
      break;
    } else {
      work_.wait_until(lock, *look);
    }
  }
  return !closing_;
}

/// With mutex_ held: whether there is something to do where nothing is under way.
bool Scheduler::has_work() const {
  return !leaving_.empty() || !ending_.empty() || line_.has_failed() || line_.first() != nullptr ||
         (is_stopped() && line_.size() > 0);
}

std::optional<Clock::time_point> Scheduler::next_look() const {
  auto look = line_.first_deadline();
  if (stop_ == nullptr || line_.size() == 0) return look;
  const auto poll = Clock::now() + stop_poll;
  return look ? std::min(*look, poll) : poll;
}

/// Those that were cancelled, are late, could not be made ready or are given up.
void Scheduler::let_leave() {
  std::vector<Ticket> leaving;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t waiting = line_.size();
    if (is_stopped()) {
      for (auto& request : line_.take_all()) conclude(request, fail(given_up_error()));
    }
    for (auto& [request, error] : line_.take_failed()) conclude(request, fail(std::move(error)));
    const auto now = Clock::now();
    for (auto& request : line_.take_late(now))
      conclude(request, fail(request->is_late(now) ? late_error() : not_admitted_error()));
    for (auto place = running_.begin(); place != running_.end();) {
      const auto& [ticket, request] = *place;
      if (!is_stopped() && !request->is_late(now)) {
        ++place;
        continue;
      }
      conclude(request, fail(is_stopped() ? given_up_error() : late_error()));
      leaving_.push_back(ticket);
      place = running_.erase(place);
    }
    leaving.swap(leaving_);
    if (line_.size() < waiting) unprepared_.notify_all();
  }
  for (const Ticket ticket : leaving) sequences_.drop(ticket);
  tell_ends();
}

void Scheduler::admit() {
  while (true) {
    std::unique_lock lock(mutex_);
    const Ready* first = line_.first();
    if (first == nullptr || !sequences_.has_room_for(*first)) return sequences_.count(counts_);
    auto [request, ready] = line_.take_first();
    const Ticket ticket = request->ticket();
    running_.emplace(ticket, request);
    lock.unlock();
    unprepared_.notify_one();
    try {
      request->tell_listener([](Listener& listener) { listener.admitted(); });
    } catch (...) {
      cancel(ticket);
    }
    sequences_.admit(ticket, std::move(ready));
  }
}

void Scheduler::tell(Ticket ticket, Outcome outcome) {
  std::shared_ptr<Request> request;
  {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(ticket);
    if (found == running_.end()) return;
    request = found->second;
  }
  try {
    if (outcome.verdict)
      request->tell([&outcome](chat::Events& events) { events.verdict(*outcome.verdict); });
    if (outcome.grounds)
      request->tell_listener([&outcome](Listener& listener) { listener.grounds(*outcome.grounds); });
    for (const auto& one : outcome.image_verdicts)
      request->tell([&one](chat::Events& events) { events.image_verdict(one.first, one.second); });
    if (!outcome.text.empty()) request->tell([&outcome](chat::Events& events) { events.text(outcome.text); });
  } catch (...) {
    return cancel(ticket);
  }
  if (!outcome.end) return;
  {
    const std::lock_guard lock(mutex_);
    if (running_.erase(ticket) == 0) return;
    conclude(request, *std::move(outcome.end));
  }
  tell_ends();
}

void Scheduler::tell_ends() {
  std::unique_lock lock(mutex_);
  while (!ending_.empty()) {
    auto& [request, reply] = ending_.begin()->second;
    const std::shared_ptr<Request> ended = request;
    auto taken = std::move(reply);
    lock.unlock();
    try {
      ended->end(std::move(taken));
    } catch (...) {  // NOLINT(bugprone-empty-catch): a listener's own fault, which has heard its last
    }
    lock.lock();
    ending_.erase(ended->ticket());
  }
}

}  // namespace holisafe::schedule
