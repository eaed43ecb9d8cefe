// Who does what in the next step.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "schedule/executor.h"

namespace holisafe::schedule {

/// What a question under way would do next; nothing: it waits for a prefix that another one reads.
struct Next {
  Work::Kind kind = Work::Kind::decode;
  std::size_t stage = 0;
};

/// A part in a step: of the question at `place`.
struct Part {
  std::size_t place = 0;
  Next next;
};

/// `under_way` in the order of admission. All that decode take a token; beside them there is at most one
/// stage, of the first that has one to run. So a token never waits for more than one stage, and stages go
/// first come, first served.
std::vector<Part> plan_step(std::span<const std::optional<Next>> under_way);

}  // namespace holisafe::schedule
