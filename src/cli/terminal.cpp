#include "cli/terminal.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace holisafe::cli {
namespace {

std::string duration(double seconds) {
  const long total = std::lround(seconds);
  if (total >= 3600) return fmt::format("{}h{:02}m", total / 3600, total / 60 % 60);
  if (total >= 60) return fmt::format("{}m{:02}s", total / 60, total % 60);
  return fmt::format("{}s", total);
}

}  // namespace

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

TerminalProgress::TerminalProgress(std::string label, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      animated_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

TerminalProgress::~TerminalProgress() {
  if (animated_ && drawn_) say("\r\x1b[K");
}

void TerminalProgress::begin_at(std::uint64_t done) {
  const std::lock_guard lock(mutex_);
  first_ = done;
  start_ = Clock::now();
}

void TerminalProgress::update(std::uint64_t done, std::uint64_t total, const std::string& note) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const std::chrono::duration<double> elapsed = now - start_;
  const std::chrono::duration<double> since_last = now - last_;
  const double interval = animated_ ? 0.2 : 10.0;
  if (!drawn_ && total > 0 && done >= total) return;  // over before there was anything to tell
  if (elapsed.count() < 2.0 || (since_last.count() < interval && drawn_)) return;
  last_ = now;
  drawn_ = true;

  const double rate = static_cast<double>(done - std::min(done, first_)) / elapsed.count();
  std::string line = total > 0 ? fmt::format("{}: {}/{} {}, {:.1f}/s", label_, done, total, unit_, rate)
                               : fmt::format("{}: {} {}, {:.1f}/s", label_, done, unit_, rate);
  if (total > done && rate > 0)
    line += fmt::format(", {} left", duration(static_cast<double>(total - done) / rate));
  if (!note.empty()) line += ", " + note;
  say(animated_ ? "\r\x1b[K" + line : line + "\n");
}

}  // namespace holisafe::cli
