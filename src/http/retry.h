// When to try again: backoff with jitter, how many requests may be under way, how many a minute.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <string>
#include <utility>

namespace holisafe::http {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Waiting times between tries: doubled each time, between half and all of that at random, so that those who
/// failed together do not come back together.
class Backoff {
 public:
  Backoff(milliseconds base, milliseconds most, std::uint64_t seed)
      : base_(base), most_(most), random_(seed) {}

  /// Before try number `tries` + 1 (at least one has been made).
  milliseconds wait(unsigned tries);
  /// After the server said how long to wait: never less, and a little more at random.
  milliseconds wait(unsigned tries, milliseconds retry_after);

 private:
  milliseconds base_;
  milliseconds most_;
  std::mt19937_64 random_;
};

/// How long a response asks to wait before the next try: `retry-after-ms`, else `retry-after` (`seconds`, as
/// libcurl read it; 0: none), else, where `turned_away`, the longest of `x-ratelimit-reset-…` (up to ten
/// minutes) whose `x-ratelimit-remaining-…` is 0, or of all where none is. 0: it does not say. At most a day
/// or so, whatever stands there.
milliseconds asked_wait(std::span<const std::pair<std::string, std::string>> headers, std::int64_t seconds,
                        bool turned_away);

/// How many requests may be under way: halved where an endpoint turns away half of a window of responses,
/// one more after each window with hardly any. A single 429 among many good answers changes nothing.
class AdaptiveLimit {
 public:
  explicit AdaptiveLimit(std::size_t most) : most_(most < 1 ? 1 : most), limit_(most_) {}

  [[nodiscard]] std::size_t limit() const { return limit_; }
  /// Notes one response; true where the limit was just halved.
  bool note(bool turned_away);

 private:
  std::size_t most_;
  std::size_t limit_;
  std::size_t responses_ = 0;
  std::size_t turned_away_ = 0;
};

/// At most so many requests in any 60 seconds; 0: no bound.
class RateWindow {
 public:
  explicit RateWindow(std::size_t per_minute) : per_minute_(per_minute) {}

  /// When the next request may be sent: `now` or later.
  [[nodiscard]] Clock::time_point next(Clock::time_point now) const;
  void sent(Clock::time_point now);

 private:
  std::size_t per_minute_;
  std::deque<Clock::time_point> times_;
};

}  // namespace holisafe::http
