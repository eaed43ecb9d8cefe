#include "metrics/score_json.h"

namespace holisafe::metrics {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json ends(const std::optional<Interval>& interval) {
  return interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
}

std::string name_of(std::size_t type) {
  return std::string(taxonomy::name(static_cast<taxonomy::Combination>(type)));
}

Json types_json(const Tallies& tallies) {
  const Rates found = rates(tallies);
  Json out = Json::object();
  for (std::size_t type = 0; type < combination_count; ++type) {
    const Tally& tally = tallies[type];
    out[name_of(type)] = {{"n", tally.rows()},
                          {"refused", tally.refused},
                          {"complied", tally.complied},
                          {"unjudged", tally.unjudged},
                          {"rate", number(found.types[type])}};
  }
  return out;
}

Json intervals_json(const std::optional<ScoreIntervals>& intervals) {
  Json out = Json::object();
  if (!intervals) return out;
  out["rr"] = ends(intervals->types[0]);
  for (std::size_t type = 1; type < combination_count; ++type)
    out[name_of(type)] = ends(intervals->types[type]);
  out["masr.macro"] = ends(intervals->masr_macro);
  out["masr.sample_weighted"] = ends(intervals->masr_sample_weighted);
  return out;
}

}  // namespace

Json to_json(const Score& score) {
  const Rates found = rates(score.types);
  Json subcategories = Json::object();
  for (const SubcategoryScore& entry : score.subcategories) {
    subcategories[std::string(taxonomy::classes()[entry.subcategory].name)] = {
        {"category", std::string(taxonomy::classes()[entry.subcategory].category)},
        {"types", types_json(entry.types)},
        {"masr", number(entry.masr())},
        {"rr", number(entry.rr())}};
  }
  Json out;
  out["n"] = score.rows();
  out["skipped"] = score.skipped;
  out["unjudged"] = score.unjudged();
  out["judge"] = score.judge;
  out["mode"] = score.mode ? Json(*score.mode) : Json(nullptr);
  out["types"] = types_json(score.types);
  out["rr"] = number(found.rr());
  out["masr"] = {{"macro", number(found.masr_macro)},
                 {"sample_weighted", number(found.masr_sample_weighted)}};
  out["subcategories"] = std::move(subcategories);
  out["intervals"] = intervals_json(score.intervals);
  return out;
}

}  // namespace holisafe::metrics
