#include "cli/warnings.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/terminal.h"

namespace holisafe::cli {

void Warnings::add(const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (++counts_[message.substr(0, message.find(": "))] <= most_of_a_kind)
    say(fmt::format("holisafe: warning: {}\n", one_line(message)));
}

void Warnings::finish() {
  const std::lock_guard lock(mutex_);
  for (const auto& [kind, count] : counts_) {
    if (count > most_of_a_kind)
      say(fmt::format("holisafe: warning: {}: {} more\n", one_line(kind), count - most_of_a_kind));
  }
  counts_.clear();
}

}  // namespace holisafe::cli
