// Scores, comparisons and published figures of any benchmark as the command line prints them: in the
// benchmark's own form where it has one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

/// The general form: {"benchmark","split","kind","n","unjudged","unparsed","rule","judge","protocol",
/// "primary","metrics":{name:{"value","n","interval"}},"groups":{group:{value:{"n",PRIMARY}}},"published",
/// "skipped","empty","cut_off"}, and put_empty_as().
/// Of a benchmark that rules alone score `rule` names the one, `judge` and `protocol` are null. Of another
/// `judge` names who judged, the string judge too, and `protocol` says whether that was by the benchmark's
/// own protocol. `published`: published_json() where the rows are all that it is over, else null.
nlohmann::ordered_json score_json(const Benchmark& benchmark, const metrics::Score& score);

/// Adds "empty_as" to a score's JSON where somebody chose how empty answers count.
void put_empty_as(const metrics::Score& score, nlohmann::ordered_json& out);

/// Differences of all figures: {"metrics":{name:…}}.
nlohmann::ordered_json comparison_json(const Benchmark& benchmark, const metrics::Comparison& comparison);

/// [{"model","metrics":{name:value}}] of a judge; empty where nothing was published with it.
nlohmann::ordered_json published_json(const Benchmark& benchmark, std::string_view judge);

/// What was published with this judge.
std::span<const metrics::PublishedScore> published_scores(const Benchmark& benchmark, std::string_view judge);

/// Whether figures over this many rows compare with the published ones.
bool covers_published(const Benchmark& benchmark, std::uint64_t rows);

}  // namespace holisafe::benchmarks
