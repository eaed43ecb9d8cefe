// The published leaderboard as the command line prints it.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace holisafe::metrics {

/// [{"model","types":{"SSS",…},"rr","masr"}]: the rows of published_scores(), fractions; empty where nothing
/// was published with this judge.
nlohmann::ordered_json published_json(std::string_view judge);

}  // namespace holisafe::metrics
