// What a guard run leaves beside its store: verdicts.jsonl and summary.json.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/guard_store.h"

namespace holisafe::runs {

/// Of the files that are there; gone ones are counted as such alone.
struct GuardSummary {
  std::uint64_t images = 0;  ///< paths, those with an error among them
  std::uint64_t flagged = 0;
  std::uint64_t errors = 0;
  std::uint64_t duplicates = 0;  ///< paths beyond the first of each content
  std::uint64_t gone = 0;
  std::array<std::uint64_t, taxonomy::class_count> labels{};  ///< by most probable class
  std::array<std::uint64_t, taxonomy::class_count> harms{};   ///< flagged ones by most probable harm
  std::map<std::string, std::uint64_t> error_kinds;

  void add(const verdicts::Line& line, const verdicts::Flagging& flagging);
};

/// From the store alone: the same verdicts give the same bytes. Memory does not grow with the run. Errors:
/// those of the store, of writing.
Result<GuardSummary> write_guard_results(const verdicts::GuardStore& store);

/// summary.json: images, flagged, errors, duplicates, gone, threshold or thresholds, categories,
/// subcategories, error_kinds, made_from.
nlohmann::ordered_json to_json(const GuardSummary& summary, const verdicts::Flagging& flagging,
                               const store::Identity& made_from);

}  // namespace holisafe::runs
