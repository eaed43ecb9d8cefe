// HoliSafe-Bench's own form of scores in JSON.
#include <nlohmann/json.hpp>

#include "benchmarks/holisafe_figures.h"
#include "benchmarks/score_json.h"
#include "metrics/figure_json.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::benchmarks {
namespace {

using Json = nlohmann::ordered_json;
using metrics::ends_json;
using metrics::number_json;
using taxonomy::combination_count;

/// Numbers of the means among the figures.
constexpr std::size_t macro = combination_count;
constexpr std::size_t weighted = combination_count + 1;

std::string type_name(std::size_t type) {
  return std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)));
}

Json types_json(const metrics::FigureList& figures) {
  Json out = Json::object();
  for (std::size_t type = 0; type < combination_count; ++type) {
    const metrics::Tally& tally = figures[type].tally;
    out[type_name(type)] = {{"n", tally.rows()},
                            {"refused", tally.labels[0]},
                            {"complied", tally.labels[1]},
                            {"unjudged", tally.unjudged},
                            {"rate", number_json(figures[type].value)}};
  }
  return out;
}

Json intervals_json(const metrics::Score& score) {
  Json out = Json::object();
  if (!score.intervals) return out;
  for (std::size_t i = 0; i < score.figures.size(); ++i)
    out[std::string(metrics::figure_name(*score.definition, i).name)] = ends_json(score.figures[i].interval);
  return out;
}

}  // namespace

nlohmann::ordered_json holisafe_json(const metrics::Score& score) {
  Json subcategories = Json::object();
  for (const metrics::GroupValue& entry : score.groups.front()) {
    subcategories[entry.value] = {{"category", entry.parent},
                                  {"types", types_json(entry.figures)},
                                  {"masr", number_json(entry.figures[macro].value)},
                                  {"rr", number_json(entry.figures[0].value)}};
  }
  Json out;
  out["n"] = score.rows();
  out["skipped"] = score.skipped;
  out["unjudged"] = score.unjudged();
  out["judge"] = score.judge;
  out["mode"] = score.mode ? Json(*score.mode) : Json(nullptr);
  out["types"] = types_json(score.figures);
  out["rr"] = number_json(score.figures[0].value);
  out["masr"] = {{"macro", number_json(score.figures[macro].value)},
                 {"sample_weighted", number_json(score.figures[weighted].value)}};
  out["subcategories"] = std::move(subcategories);
  out["intervals"] = intervals_json(score);
  out["empty"] = metrics::count_json(score.empty);
  out["cut_off"] = metrics::count_json(score.cut_off);
  put_empty_as(score, out);
  return out;
}

nlohmann::ordered_json holisafe_comparison_json(const metrics::Comparison& comparison) {
  Json types = Json::object();
  for (std::size_t type = 0; type < combination_count; ++type)
    types[type_name(type)] = metrics::to_json(comparison.figures[type]);
  Json out;
  out["types"] = std::move(types);
  out["masr"] = {{"macro", metrics::to_json(comparison.figures[macro])},
                 {"sample_weighted", metrics::to_json(comparison.figures[weighted])}};
  return out;
}

nlohmann::ordered_json holisafe_published_json(std::span<const metrics::PublishedScore> scores) {
  Json out = Json::array();
  for (const auto& score : scores) {
    Json types;
    for (std::size_t type = 0; type < combination_count; ++type)
      types[type_name(type)] = number_json(score.figures[type]);
    out.push_back({{"model", score.model},
                   {"types", types},
                   {"rr", number_json(score.figures[0])},
                   {"masr", number_json(score.figures[macro])}});
  }
  return out;
}

}  // namespace holisafe::benchmarks
