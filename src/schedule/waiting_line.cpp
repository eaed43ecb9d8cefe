#include "schedule/waiting_line.h"

#include <algorithm>

namespace holisafe::schedule {

void WaitingLine::push(std::shared_ptr<Request> request) {
  const Ticket ticket = request->ticket();
  line_.emplace(ticket, Waiting{.request = std::move(request)});
}

std::shared_ptr<Request> WaitingLine::begin_next() {
  if (begun_ >= ahead_) return nullptr;
  const auto next =
      std::find_if(line_.begin(), line_.end(), [](const auto& waiting) { return !waiting.second.begun; });
  if (next == line_.end()) return nullptr;
  next->second.begun = true;
  ++begun_;
  return next->second.request;
}

void WaitingLine::keep(Ticket ticket, Result<Ready>& ready) {
  const auto found = line_.find(ticket);
  if (found == line_.end()) return;
  if (!ready) ++failed_;
  found->second.ready = std::move(ready);
}

const Ready* WaitingLine::first() const {
  if (line_.empty()) return nullptr;
  const auto& ready = line_.begin()->second.ready;
  return ready && *ready ? &**ready : nullptr;
}

std::pair<std::shared_ptr<Request>, Ready> WaitingLine::take_first() {
  Waiting& waiting = line_.begin()->second;
  std::pair<std::shared_ptr<Request>, Ready> out(std::move(waiting.request), std::move(**waiting.ready));
  erase(line_.begin());
  return out;
}

std::vector<WaitingLine::Failed> WaitingLine::take_failed() {
  std::vector<Failed> out;
  for (auto place = line_.begin(); place != line_.end() && failed_ > 0;) {
    Waiting& waiting = place->second;
    if (!waiting.ready || *waiting.ready) {
      ++place;
      continue;
    }
    out.emplace_back(std::move(waiting.request), std::move(*waiting.ready).error());
    place = erase(place);
  }
  return out;
}

std::shared_ptr<Request> WaitingLine::take(Ticket ticket) {
  const auto found = line_.find(ticket);
  if (found == line_.end()) return nullptr;
  std::shared_ptr<Request> out = std::move(found->second.request);
  erase(found);
  return out;
}

std::vector<std::shared_ptr<Request>> WaitingLine::take_late(Clock::time_point now) {
  std::vector<std::shared_ptr<Request>> out;
  for (auto place = line_.begin(); place != line_.end();) {
    const auto deadline = place->second.request->waiting_deadline();
    if (!deadline || *deadline > now) {
      ++place;
      continue;
    }
    out.push_back(std::move(place->second.request));
    place = erase(place);
  }
  return out;
}

std::vector<std::shared_ptr<Request>> WaitingLine::take_all() {
  std::vector<std::shared_ptr<Request>> out;
  for (auto& [ticket, waiting] : line_) out.push_back(std::move(waiting.request));
  line_.clear();
  begun_ = 0;
  failed_ = 0;
  return out;
}

std::optional<Clock::time_point> WaitingLine::first_deadline() const {
  std::optional<Clock::time_point> first;
  for (const auto& [ticket, waiting] : line_) {
    const auto deadline = waiting.request->waiting_deadline();
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

WaitingLine::Line::iterator WaitingLine::erase(Line::iterator place) {
  const Waiting& waiting = place->second;
  if (waiting.begun) --begun_;
  if (waiting.ready && !*waiting.ready) --failed_;
  return line_.erase(place);
}

}  // namespace holisafe::schedule
