// Warnings of a command, a bounded number of each kind.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace holisafe::cli {

/// Prints the first warnings of each kind as they come and says at the end how many more there were. The kind
/// is what stands before the first colon. Thread-safe.
class Warnings {
 public:
  static constexpr std::uint64_t most_of_a_kind = 20;

  void add(const std::string& message);
  /// Prints the numbers of those that were not shown, and counts anew.
  void finish();

 private:
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace holisafe::cli
