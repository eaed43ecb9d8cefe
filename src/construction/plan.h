// Which pairs a build is to have.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "construction/work.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::construction {

struct PlanSettings {
  std::vector<taxonomy::Combination> types{taxonomy::Combination::SSS, taxonomy::Combination::SSU,
                                           taxonomy::Combination::USU, taxonomy::Combination::SUU,
                                           taxonomy::Combination::UUU};
  unsigned pairs_per_type = 1;
  std::uint64_t seed = 0;
};

/// Plans what is missing of the pairs that each kept image is to have: a safe one SSS, SSU and SUU, an unsafe
/// one USU and UUU, each so many times, pairs that a source brought counted in. Of an unsafe image the pair's
/// subcategory is its label; of a safe one its own subcategory, else whichever of the 19 the combination has
/// least of, those that are even in an order that the seed gives. New pairs get the next ids in the order of
/// images, so that ids do not depend on what came between if nothing is planned before all images that can
/// have a label have it. One transaction. Gives how many were added. Errors: those of Work.
Result<std::uint64_t> plan_pairs(Work& work, const PlanSettings& settings);

}  // namespace holisafe::construction
