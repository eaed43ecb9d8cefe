#include "http/retry.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace holisafe::http {
namespace {

using Headers = std::span<const std::pair<std::string, std::string>>;

/// More than a day is as good as never.
constexpr double most_ms = 100'000'000;
/// A limit that is lifted later than this (one of a day) does not say when the next try may go.
constexpr double most_reset_ms = 600'000;

/// Reads a number from the beginning of `text`; negative where there is none.
double take_number(std::string_view& text) {
  double out = -1;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(out)) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return out;
}

/// "1.5s", "6m0s", "250ms", "30": seconds where no unit stands. 0 where it is none of these.
double wait_of(std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {{"ms", 1},        {"us", 0.001}, {"ns", 0.000001},
                                                           {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}};
  double out = 0;
  while (!text.empty()) {
    const double number = take_number(text);
    if (number < 0) return 0;
    if (text.empty()) return out + number * 1000;
    const auto unit = std::find_if(std::begin(units), std::end(units),
                                   [&](const auto& u) { return text.starts_with(u.first); });
    if (unit == std::end(units)) return 0;
    out += number * unit->second;
    text.remove_prefix(unit->first.size());
  }
  return out;
}

std::string_view value_of(Headers headers, std::string_view name) {
  std::string_view out;
  for (const auto& [key, value] : headers) {
    if (key == name) out = value;
  }
  return out;
}

/// Whether the limit of this name ("requests", "tokens") is used up, as far as the server says.
bool used_up(Headers headers, std::string_view limit) {
  std::string_view left = value_of(headers, std::string("x-ratelimit-remaining-").append(limit));
  return !left.empty() && take_number(left) == 0;
}

double reset_wait(Headers headers) {
  constexpr std::string_view prefix = "x-ratelimit-reset-";
  double of_all = 0;
  double of_used_up = 0;
  for (const auto& [name, value] : headers) {
    if (!name.starts_with(prefix)) continue;
    const double wait = wait_of(value);
    if (wait > most_reset_ms) continue;
    of_all = std::max(of_all, wait);
    if (used_up(headers, std::string_view(name).substr(prefix.size())))
      of_used_up = std::max(of_used_up, wait);
  }
  return of_used_up > 0 ? of_used_up : of_all;
}

}  // namespace

milliseconds asked_wait(Headers headers, std::int64_t seconds, bool turned_away) {
  std::string_view exact = value_of(headers, "retry-after-ms");
  double out = take_number(exact);
  if (out < 0) out = static_cast<double>(seconds) * 1000;
  if (out <= 0 && turned_away) out = reset_wait(headers);
  return milliseconds(static_cast<std::int64_t>(std::ceil(std::clamp(out, 0.0, most_ms))));
}

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
