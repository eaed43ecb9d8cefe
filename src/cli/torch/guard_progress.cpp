#include "cli/torch/guard_progress.h"

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
  const double rate = static_cast<double>(done) / seconds_between(start_, now);
  nlohmann::ordered_json line{{"done", done},
                              {"total", nullptr},
                              {"per_second", rate},
                              {"seconds_left", nullptr},
                              {"flagged", tally_.flagged},
                              {"errors", tally_.errors}};
  if (total > 0) {
    line["total"] = total;
    line["seconds_left"] = static_cast<double>(total - done) / rate;
  }
  say(json_line(line));
}

void GuardProgressLines::finish() const {
  say(json_line({{"images", tally_.files},
                 {"flagged", tally_.flagged},
                 {"errors", tally_.errors},
                 {"duplicates", 0},
                 {"seconds", seconds_between(start_, Clock::now())}}));
}

}  // namespace holisafe::cli
