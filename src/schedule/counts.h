// What a scheduler has done and holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holisafe::schedule {

struct Counts {
  // Questions: each that was submitted is queued, runs, or is one of answered, failed and cancelled.
  std::size_t queued = 0;   ///< taken, not yet admitted
  std::size_t running = 0;  ///< admitted; one that ends or is cancelled, until the next step begins
  std::size_t peak_running = 0;
  std::uint64_t submitted = 0;    ///< taken
  std::uint64_t turned_away = 0;  ///< not taken: the queue was full
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;     ///< ended with an error of theirs
  std::uint64_t cancelled = 0;  ///< cancelled, dropped or given up
  // Steps.
  std::uint64_t steps = 0;
  std::uint64_t tokens = 0;  ///< decoded
  // Prefixes.
  std::size_t prefixes = 0;         ///< held now
  std::uint64_t prefixes_read = 0;  ///< to their end
  std::uint64_t prefix_hits = 0;    ///< questions whose prefix was there, or being read, when they came
  std::uint64_t prefixes_evicted = 0;
  // Blocks of block_positions positions.
  std::uint64_t blocks = 0;
  std::uint64_t blocks_used = 0;
  std::uint64_t blocks_peak = 0;
};

}  // namespace holisafe::schedule
