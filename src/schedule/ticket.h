// The scheduler's own name for a question.
#pragma once

#include <compare>
#include <cstdint>

namespace holisafe::schedule {

/// Tickets grow in the order in which questions came; none is given twice.
struct Ticket {
  std::uint64_t number = 0;
  auto operator<=>(const Ticket&) const = default;
};

}  // namespace holisafe::schedule
