#include "serve/jobs.h"

#include <algorithm>

namespace holisafe::serve {

Jobs::Jobs(http::Workers& workers, std::chrono::milliseconds silence) : workers_(workers), silence_(silence) {
  thread_ = std::thread([this] { run(); });
}

Jobs::~Jobs() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  closing_changed_.notify_all();
  thread_.join();
}

Jobs::Name Jobs::add(std::shared_ptr<Visit> visit) {
  const std::lock_guard lock(mutex_);
  jobs_.emplace(++last_, One{std::move(visit), nullptr});
  return last_;
}

void Jobs::begin(Name name, std::unique_ptr<Task> task) {
  const std::shared_ptr<Task> shared = std::move(task);
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(name);
  if (found != jobs_.end()) found->second.task = shared;
}

void Jobs::over(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(name);
  if (found == jobs_.end()) return;
  // Posted with the lock held: who takes all jobs away knows that nobody is on the way to the workers.
  workers_.post([one = std::move(found->second)]() mutable { one = {}; });
  jobs_.erase(found);
}

bool Jobs::has(Name name) const {
  const std::lock_guard lock(mutex_);
  return jobs_.contains(name);
}

std::size_t Jobs::size() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Jobs::end_all(const Fault& fault) {
  std::map<Name, One> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  for (auto& [name, one] : jobs) one.visit->fail(fault);
}

void Jobs::drop_all() {
  std::map<Name, One> jobs;
  const std::lock_guard lock(mutex_);
  jobs.swap(jobs_);
}

void Jobs::run() {
  const auto tick = std::max(silence_ / 8, std::chrono::milliseconds(1));
  std::unique_lock lock(mutex_);
  while (!closing_changed_.wait_for(lock, tick, [this] { return closing_; })) {
    std::vector<std::shared_ptr<Visit>> visits;
    for (const auto& [name, one] : jobs_) visits.push_back(one.visit);
    lock.unlock();
    for (const auto& visit : visits) visit->keep_alive(std::chrono::steady_clock::now(), silence_);
    visits.clear();
    lock.lock();
  }
}

}  // namespace holisafe::serve
