#include "http/retry.h"

#include <algorithm>

namespace holisafe::http {

milliseconds Backoff::wait(unsigned tries) {
  const unsigned doublings = std::min(tries > 0 ? tries - 1 : 0U, 20U);
  const auto full = std::min<std::int64_t>(base_.count() << doublings, most_.count());
  return milliseconds(std::uniform_int_distribution<std::int64_t>(full / 2, full)(random_));
}

milliseconds Backoff::wait(unsigned tries, milliseconds retry_after) {
  const auto full = std::min<std::int64_t>(base_.count() << std::min(tries, 4U), most_.count());
  return retry_after + milliseconds(std::uniform_int_distribution<std::int64_t>(0, full / 2)(random_));
}

bool AdaptiveLimit::note(bool turned_away) {
  const std::size_t window = std::max<std::size_t>(8, limit_);
  ++responses_;
  if (turned_away) ++turned_away_;
  const bool too_many = turned_away_ * 2 >= window;
  if (too_many) {
    limit_ = std::max<std::size_t>(1, limit_ / 2);
  } else if (responses_ < window) {
    return false;
  } else if (turned_away_ * 8 <= window) {
    limit_ = std::min(most_, limit_ + 1);
  }
  responses_ = 0;
  turned_away_ = 0;
  return too_many;
}

Clock::time_point RateWindow::next(Clock::time_point now) const {
  if (per_minute_ == 0 || times_.size() < per_minute_) return now;
  return std::max(now, times_.front() + std::chrono::minutes(1) + milliseconds(1));
}

void RateWindow::sent(Clock::time_point now) {
  if (per_minute_ == 0) return;
  times_.push_back(now);
  if (times_.size() > per_minute_) times_.pop_front();
}

}  // namespace holisafe::http
