// What HoliSafe-Bench's scores hold: refusal rate, attack success rates by combination, both mASR.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>

#include "metrics/figures.h"
#include "metrics/paired.h"
#include "metrics/published.h"
#include "metrics/score.h"

namespace holisafe::benchmarks {

/// Rates `rr`, `SSU`, `USU`, `SUU`, `UUU` and means `masr.macro`, `masr.sample_weighted` over the labels
/// `refused` and `complied`; by subcategory and category.
const metrics::Figures& holisafe_figures();

/// The table of the published leaderboard (published/README.md) that a judge's scores compare with: "string";
/// "openai:…", "anthropic:…" and "gemini:…" for the LLM judges of those providers. Empty for other judges.
std::span<const metrics::PublishedScore> holisafe_published(std::string_view judge);

/// {"n","skipped","unjudged","judge","mode","types","rr","masr","subcategories","intervals","empty",
/// "cut_off"}, and put_empty_as(): fractions as exact doubles, null where nothing defines them; intervals
/// empty when none were asked for.
nlohmann::ordered_json holisafe_json(const metrics::Score& score);
/// {"types":{type:rate},"masr":{"macro","sample_weighted"}}: each with both runs' values, difference,
/// interval and test.
nlohmann::ordered_json holisafe_comparison_json(const metrics::Comparison& comparison);
/// [{"model","types":{"SSS",…},"rr","masr"}]: fractions.
nlohmann::ordered_json holisafe_published_json(std::span<const metrics::PublishedScore> scores);

}  // namespace holisafe::benchmarks
