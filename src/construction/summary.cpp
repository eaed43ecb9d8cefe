// What summary.json holds.
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "construction/files.h"

namespace holisafe::construction {
namespace {

using nlohmann::ordered_json;

constexpr std::array final_states{PairState::ready, PairState::declined, PairState::mismatch,
                                  PairState::leaks, PairState::filtered, PairState::failed};

/// How many of some pairs are in each state.
using StateCounts = std::array<std::uint64_t, 7>;
static_assert(static_cast<std::size_t>(PairState::failed) == std::tuple_size_v<StateCounts> - 1);

ordered_json counts_json(const StateCounts& counts) {
  std::uint64_t planned = 0;
  for (const std::uint64_t count : counts) planned += count;
  ordered_json out{{"planned", planned}};
  for (const PairState state : final_states)
    out[std::string(name(state))] = counts[static_cast<std::size_t>(state)];
  return out;
}

Result<ordered_json> images_json(const Work& work) {
  HOLISAFE_TRY(const auto states, work.image_states());
  std::uint64_t found = 0;
  for (const std::uint64_t count : states) found += count;
  ordered_json out{{"found", found}};
  for (std::size_t i = 0; i < states.size(); ++i)
    out[std::string(name(static_cast<ImageState>(i)))] = states[i];
  return out;
}

Result<void> add_pairs(const Work& work, ordered_json& out) {
  StateCounts all{};
  std::array<StateCounts, taxonomy::combination_count> types{};
  std::array<StateCounts, taxonomy::class_count> subcategories{};
  HOLISAFE_TRY(const auto cells, work.pair_cells());
  for (const CellCount& cell : cells) {
    const auto state = static_cast<std::size_t>(cell.state);
    all[state] += cell.pairs;
    types[static_cast<std::size_t>(cell.type)][state] += cell.pairs;
    subcategories[cell.subcategory][state] += cell.pairs;
  }
  out["pairs"] = counts_json(all);
  for (std::size_t i = 0; i < types.size(); ++i)
    out["types"][std::string(taxonomy::name(static_cast<taxonomy::Combination>(i)))] = counts_json(types[i]);
  // Pairs whose set names no harm stand last, where there are any.
  for (std::size_t i = 1; i < subcategories.size(); ++i)
    out["subcategories"][std::string(taxonomy::classes()[i].name)] = counts_json(subcategories[i]);
  if (subcategories[0] != StateCounts{})
    out["subcategories"][std::string(taxonomy::classes()[0].name)] = counts_json(subcategories[0]);
  return {};
}

ordered_json faults_json(const Faults& faults) {
  return {{"turned_away", faults.turned_away},
          {"server", faults.server},
          {"timeouts", faults.timeouts},
          {"network", faults.network},
          {"malformed", faults.malformed}};
}

}  // namespace

Result<ordered_json> summary(const Work& work) {
  ordered_json out;
  HOLISAFE_TRY(out["images"], images_json(work));
  HOLISAFE_TRY(out["clusters"], work.cluster_count());
  HOLISAFE_CHECK(add_pairs(work, out));
  HOLISAFE_TRY(const auto writers, work.pair_writers());
  out["writers"] = ordered_json::object();
  for (const auto& [writer, pairs] : writers) out["writers"][writer] = pairs;
  HOLISAFE_TRY(const Totals totals, work.totals());
  out["calls"] = ordered_json::object();
  for (const auto& [step, count] : totals.calls) out["calls"][step] = count;
  out["tokens"] = {{"input", totals.input_tokens}, {"output", totals.output_tokens}};
  out["faults"] = faults_json(totals.faults);
  return out;
}

}  // namespace holisafe::construction
