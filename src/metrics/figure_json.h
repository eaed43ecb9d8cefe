// Figures as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "metrics/agreement.h"
#include "metrics/paired.h"
#include "metrics/score.h"

namespace holisafe::metrics {

/// null where there is none.
nlohmann::ordered_json number_json(const std::optional<double>& value);
nlohmann::ordered_json count_json(const std::optional<std::uint64_t>& count);
/// [low, high].
nlohmann::ordered_json ends_json(const std::optional<Interval>& interval);

/// {name: {"value","n","interval"}}; `n` counts a figure's rows, unjudged ones too.
nlohmann::ordered_json figures_json(const Score& score);
/// {group: {value: {"n", PRIMARY: value}}}.
nlohmann::ordered_json groups_json(const Score& score);
/// {name: [low, high]}: what each figure could be, were the unjudged rows judged.
nlohmann::ordered_json bounds_json(const Score& score);
/// {"n","first","second","difference","interval","mcnemar":{…}}; null where there are no rows.
nlohmann::ordered_json to_json(const std::optional<PairedFigure>& figure);
/// {name: {"n","first","second","difference","interval","p_value","only_first_wrong","only_second_wrong"}};
/// the last three are null where some row counts as a fraction, a figure is where it has no rows.
nlohmann::ordered_json figures_json(const Comparison& comparison);
/// {"n","raw","kappa"}.
nlohmann::ordered_json to_json(const Agreement& agreement);

}  // namespace holisafe::metrics
