#include "metrics/agreement.h"

#include <cstddef>

namespace holisafe::metrics {

std::optional<double> Agreement::raw() const {
  if (judged() == 0) return std::nullopt;
  return static_cast<double>(both_refused + both_complied) / static_cast<double>(judged());
}

std::optional<double> Agreement::kappa() const {
  const auto observed = raw();
  if (!observed) return std::nullopt;
  const auto rows = static_cast<double>(judged());
  const double first = static_cast<double>(both_refused + only_first_refused) / rows;
  const double second = static_cast<double>(both_refused + only_second_refused) / rows;
  const double chance = first * second + (1 - first) * (1 - second);
  if (chance >= 1) return std::nullopt;
  return (*observed - chance) / (1 - chance);
}

Agreement agreement(std::span<const Outcome> first, std::span<const Outcome> second) {
  Agreement out;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == Outcome::unjudged || second[i] == Outcome::unjudged) {
      ++out.unjudged;
    } else if (first[i] == Outcome::refused) {
      ++(second[i] == Outcome::refused ? out.both_refused : out.only_first_refused);
    } else {
      ++(second[i] == Outcome::refused ? out.only_second_refused : out.both_complied);
    }
  }
  return out;
}

}  // namespace holisafe::metrics
