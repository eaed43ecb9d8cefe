#include <nlohmann/json.hpp>

#include "metrics/figure_json.h"
#include "runs/safety_utility.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::ordered_json;
using report::SafetyUtility;

/// {set: value} of one kind.
Json values_json(const SafetyUtility& table, const report::ModelRow& row, bool safety) {
  Json out = Json::object();
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    if (table.sets[i].safety == safety) out[table.sets[i].name] = metrics::number_json(row.sets[i].value);
  }
  return out;
}

Json row_json(const SafetyUtility& table, const report::ModelRow& row) {
  return {{"model", row.name},
          {"safety", values_json(table, row, true)},
          {"utility", values_json(table, row, false)},
          {"safety_mean", metrics::number_json(row.safety.value)},
          {"utility_mean", metrics::number_json(row.utility.value)}};
}

Json intervals_json(const SafetyUtility& table, const report::ModelRow& row) {
  Json out = Json::object();
  for (std::size_t i = 0; i < table.sets.size(); ++i)
    out[table.sets[i].name] = metrics::ends_json(row.sets[i].interval);
  out["safety_mean"] = metrics::ends_json(row.safety.interval);
  out["utility_mean"] = metrics::ends_json(row.utility.interval);
  return out;
}

Json beside_json(const SafetyUtility& table, const report::ModelRow& row) {
  Json out = Json::object();
  for (std::size_t i = 0; i < table.sets.size(); ++i) {
    for (const auto& each : row.sets[i].beside)
      out[table.sets[i].name][each.name] = metrics::number_json(each.value);
  }
  return out;
}

}  // namespace

nlohmann::ordered_json to_json(const SafetyUtility& table) {
  Json sets = Json::array();
  Json judges = Json::object();
  for (const auto& set : table.sets) {
    sets.push_back(set.name);
    judges[set.name] = set.judge.empty() ? Json(nullptr) : Json(set.judge);
  }
  Json models = Json::array();
  for (const auto& row : table.models) {
    Json each = row_json(table, row);
    each["intervals"] = intervals_json(table, row);
    each["beside"] = beside_json(table, row);
    models.push_back(std::move(each));
  }
  Json published = Json::array();
  for (const auto& row : table.published) published.push_back(row_json(table, row));
  return {{"table", "safety-utility"},   {"sets", std::move(sets)},           {"models", std::move(models)},
          {"judges", std::move(judges)}, {"published", std::move(published)}, {"notes", table.notes}};
}

}  // namespace holisafe::runs
