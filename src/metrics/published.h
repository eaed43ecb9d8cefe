// Figures that others published.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holisafe::metrics {

/// One model's published figures as fractions, in the order of Score::figures; nothing where one was not
/// published.
struct PublishedScore {
  std::string model;
  std::vector<std::optional<double>> figures;
};

}  // namespace holisafe::metrics
