#include "cli/torch/guard_progress.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_line.h"
#include "cli/terminal.h"

namespace holisafe::cli {
namespace {

constexpr std::chrono::seconds period{2};

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void GuardProgressLines::update(std::uint64_t done, std::uint64_t total, const std::string&) {
  const auto now = Clock::now();
  if (now - last_ < period) return;
  last_ = now;
  const double rate = static_cast<double>(done - std::min(done, first_)) / seconds_between(rate_start_, now);
  nlohmann::ordered_json line{{"done", done},
                              {"total", nullptr},
                              {"per_second", rate},
                              {"seconds_left", nullptr},
                              {"flagged", so_far_.flagged},
                              {"errors", so_far_.errors}};
  if (total > 0) {
    line["total"] = total;
    if (rate > 0) line["seconds_left"] = static_cast<double>(total - std::min(total, done)) / rate;
  }
  say(json_line(line));
}

void GuardProgressLines::begin_at(std::uint64_t done) {
  first_ = done;
  rate_start_ = Clock::now();
}

double GuardProgressLines::seconds() const { return seconds_between(start_, Clock::now()); }

void GuardProgressLines::finish(const runs::GuardSummary& summary) const {
  say(json_line({{"images", summary.images},
                 {"flagged", summary.flagged},
                 {"errors", summary.errors},
                 {"duplicates", summary.duplicates},
                 {"seconds", seconds()}}));
}

}  // namespace holisafe::cli
