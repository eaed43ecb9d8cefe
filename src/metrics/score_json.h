// A score as the command line prints it and a run keeps it.
#pragma once

#include <nlohmann/json.hpp>

#include "metrics/score.h"

namespace holisafe::metrics {

/// {"n","skipped","unjudged","judge","mode","types","rr","masr","subcategories","intervals"}: fractions as
/// exact doubles, null where nothing defines them; intervals empty when none were asked for.
nlohmann::ordered_json to_json(const Score& score);

}  // namespace holisafe::metrics
