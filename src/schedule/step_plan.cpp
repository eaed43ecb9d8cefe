#include "schedule/step_plan.h"

namespace holisafe::schedule {

std::vector<Part> plan_step(std::span<const std::optional<Next>> under_way) {
  std::vector<Part> parts;
  std::optional<Part> stage;
  for (std::size_t place = 0; place < under_way.size(); ++place) {
    const auto& next = under_way[place];
    if (!next) continue;
    if (next->kind == Work::Kind::decode) {
      parts.push_back({place, *next});
    } else if (!stage) {
      stage = Part{place, *next};
    }
  }
  if (stage) parts.push_back(*stage);
  return parts;
}

}  // namespace holisafe::schedule
