// What goes wrong between this program and a server.
#pragma once

#include <cstdint>

namespace holisafe {

/// What went wrong and was tried again (or given up), by kind.
struct Faults {
  std::uint64_t turned_away = 0;  ///< 429
  std::uint64_t server = 0;       ///< 5xx
  std::uint64_t timeouts = 0;
  std::uint64_t network = 0;    ///< resets, refused connections, bodies cut short
  std::uint64_t malformed = 0;  ///< bodies that hold no answer
  [[nodiscard]] std::uint64_t total() const { return turned_away + server + timeouts + network + malformed; }
};

}  // namespace holisafe
