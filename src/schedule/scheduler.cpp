#include "schedule/scheduler.h"

#include <algorithm>
#include <string>

namespace holisafe::schedule {
namespace {

constexpr std::chrono::hours longest_poll{24};

/// Events of whoever submits, who keeps them alive.
std::shared_ptr<chat::Events> borrowed(chat::Events* events) {
  return {std::shared_ptr<chat::Events>(), events};
}

Limits sound(Limits limits) {
  limits.sequences = std::max<std::size_t>(limits.sequences, 1);
  limits.queue = std::max<std::size_t>(limits.queue, 1);
  limits.prepare_threads = std::max(limits.prepare_threads, 1);
  limits.prepared_ahead = std::max<std::size_t>(limits.prepared_ahead, 1);
  return limits;
}

}  // namespace

Scheduler::Scheduler(std::shared_ptr<Executor> executor, Limits limits, const StopFlag* stop)
    : executor_(std::move(executor)),
      limits_(sound(limits)),
      stop_(stop),
      bytes_per_position_(executor_->bytes_per_position()),
      line_(limits_.prepared_ahead),
      sequences_(*executor_, limits_.sequences, limits_.cache_bytes,
                 [this](Ticket ticket, Outcome outcome) { tell(ticket, std::move(outcome)); }) {
  sequences_.count(counts_);
  for (int i = 0; i < limits_.prepare_threads; ++i) preparing_.emplace_back([this] { run_preparing(); });
  thread_ = std::thread([this] { run(); });
}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_.notify_all();
  unprepared_.notify_all();
  thread_.join();
  for (std::thread& thread : preparing_) thread.join();
}

Result<Ticket> Scheduler::enqueue(chat::Question question, const std::shared_ptr<Listener>& listener,
                                  std::optional<chat::milliseconds> longest_wait) {
  const std::lock_guard lock(mutex_);
  if (auto error = refusal(std::nullopt)) return fail(*std::move(error));
  const Ticket ticket{++last_ticket_};
  auto request = std::make_shared<Request>(ticket, std::move(question), std::nullopt);
  request->hear(listener, listener);
  if (longest_wait) request->wait_at_most(*longest_wait);
  take(std::move(request));
  return ticket;
}

void Scheduler::submit(chat::Key key, chat::Question question, chat::Events* events) {
  const std::lock_guard lock(mutex_);
  if (auto error = refusal(key)) {
    inbox_.refuse(key, *std::move(error));
    return replied_.notify_all();
  }
  const Ticket ticket{++last_ticket_};
  auto request = std::make_shared<Request>(ticket, std::move(question), key);
  request->hear(borrowed(events), nullptr);
  inbox_.expect(key, ticket);
  take(std::move(request));
}

/// With mutex_ held: why no question is taken.
std::optional<Error> Scheduler::refusal(std::optional<chat::Key> key) {
  if (closing_) return given_up_error();
  if (key && inbox_.expects(*key))
    return Error{ErrorKind::duplicate, "a key that is under way", std::to_string(*key), {}};
  if (line_.size() < limits_.queue) return std::nullopt;
  ++counts_.turned_away;
  return Error{
      ErrorKind::busy, "no room for another question", {}, std::to_string(line_.size()) + " are waiting"};
}

/// With mutex_ held.
void Scheduler::take(std::shared_ptr<Request> request) {
  ++counts_.submitted;
  line_.push(std::move(request));
  unprepared_.notify_one();
  work_.notify_one();  // its deadline may be the first
}

bool Scheduler::has_room() const {
  const std::lock_guard lock(mutex_);
  const std::size_t in_hand = line_.size() + running_.size() + inbox_.waiting();
  return in_hand < limits_.sequences + limits_.prepared_ahead && line_.size() < limits_.queue;
}

std::size_t Scheduler::pending() const {
  const std::lock_guard lock(mutex_);
  return inbox_.pending();
}

std::vector<std::pair<chat::Key, Result<chat::Reply>>> Scheduler::poll(chat::milliseconds longest) {
  std::unique_lock lock(mutex_);
  replied_.wait_for(lock, std::min<chat::milliseconds>(longest, longest_poll),
                    [this] { return inbox_.waiting() > 0 || inbox_.pending() == 0; });
  return inbox_.take();
}

void Scheduler::cancel(Ticket ticket) {
  std::shared_ptr<Request> request;
  {
    const std::lock_guard lock(mutex_);
    const auto ending = ending_.find(ticket);
    request = ending == ending_.end() ? withdraw(ticket) : ending->second.first;
  }
  if (request != nullptr) request->silence();
}

void Scheduler::cancel(chat::Key key) {
  std::shared_ptr<Request> request;
  {
    const std::lock_guard lock(mutex_);
    if (const auto ticket = inbox_.take_back(key)) request = withdraw(*ticket);
    replied_.notify_all();
  }
  if (request != nullptr) request->silence();
}

/// With mutex_ held. Null: it has ended.
std::shared_ptr<Request> Scheduler::withdraw(Ticket ticket) {
  std::shared_ptr<Request> request = line_.take(ticket);
  if (request == nullptr) {
    const auto found = running_.find(ticket);
    if (found == running_.end()) return nullptr;
    request = std::move(found->second);
    running_.erase(found);
    leaving_.push_back(ticket);
    work_.notify_one();
  }
  ++counts_.cancelled;
  if (request->key()) inbox_.forget(*request->key(), ticket);
  unprepared_.notify_one();
  replied_.notify_all();
  return request;
}

void Scheduler::finish_only() {
  Requests dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = line_.take_all();
    for (const auto& request : dropped) conclude(request, fail(given_up_error()));
  }
  let_go(dropped);
}

void Scheduler::drop_all() {
  Requests dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = line_.take_all();
    for (auto& [ticket, request] : running_) {
      leaving_.push_back(ticket);
      dropped.push_back(std::move(request));
    }
    running_.clear();
    for (const auto& request : dropped) conclude(request, fail(given_up_error()));
    inbox_.clear();
  }
  let_go(dropped);
}

/// Those with a key hear nothing more; listeners are to hear that they were given up.
void Scheduler::let_go(const Requests& dropped) {
  for (const auto& request : dropped) {
    if (request->key()) request->silence();
  }
  work_.notify_one();
  replied_.notify_all();
}

/// With mutex_ held: of one that has left the line or those running.
void Scheduler::conclude(const std::shared_ptr<Request>& request, Result<chat::Reply> reply) {
  if (reply) {
    ++counts_.answered;
  } else {
    ++(reply.error().kind == ErrorKind::cancelled ? counts_.cancelled : counts_.failed);
  }
  if (!request->key()) {
    ending_.emplace(request->ticket(), std::pair(request, std::move(reply)));
    return;
  }
  inbox_.put(*request->key(), request->ticket(), std::move(reply));
  replied_.notify_all();
}

Counts Scheduler::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.queued = line_.size();
  return out;
}

}  // namespace holisafe::schedule
