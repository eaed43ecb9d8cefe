#include "runs/report_json.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "benchmarks/score_json.h"
#include "metrics/figure_json.h"
#include "metrics/guard_metrics_json.h"

namespace holisafe::runs {
namespace {

using Json = nlohmann::ordered_json;

/// Marks where the guard flagged the image and where it did not, by place.
Json answers_json(const report::GuardRun& guard) {
  Json out;
  for (const report::GuardedPlace& place : guard.answers) {
    const auto side = [&](std::size_t flagged) {
      Json counts = Json::object();
      for (std::size_t label = 0; label < guard.labels.size(); ++label)
        counts[guard.labels[label]] = place.counts[flagged][label];
      return counts;
    };
    out[place.name] = {{"flagged", side(1)}, {"not_flagged", side(0)}};
  }
  return out;
}

/// What places are called together: "types" where rates filter by the group `type` alone.
std::string places_name(const metrics::Figures& figures) {
  std::string group;
  for (const metrics::Rate& rate : figures.rates) {
    if (rate.where.size() != 1 || (!group.empty() && group != rate.where.front().group)) return "places";
    group = rate.where.front().group;
  }
  return group + "s";
}

Json agreement_json(const JudgedRun& run, const std::string& judge) {
  Json out = Json::object();
  for (const auto& pair : run.pairs) {
    if (pair.first != judge && pair.second != judge) continue;
    Json all = metrics::to_json(pair.all);
    for (const auto& [name, agreement] : pair.places)
      all[places_name(*run.benchmark->figures)][name] = metrics::to_json(agreement);
    out[pair.first == judge ? pair.second : pair.first] = std::move(all);
  }
  return out;
}

}  // namespace

nlohmann::ordered_json to_json(const JudgedRun& run, const report::ScoredRun& score, bool published) {
  const std::string& judge = score.score.judge;
  Json out = benchmarks::score_json(*run.benchmark, score.score);
  out["run"] = run.name;
  out["bounds"] = metrics::bounds_json(score.score);
  out["published"] =
      score.compares || published ? benchmarks::published_json(*run.benchmark, judge) : Json(nullptr);
  out["answers"] = {{"answered", run.counts.answered},
                    {"filtered", run.counts.filtered},
                    {"unanswered", run.counts.unanswered},
                    {"not_asked", run.counts.open() - run.counts.unanswered}};
  if (const auto& right = run.right_answers)
    out["right_answers"] = {{"n", right->rows}, {"right", right->right}, {"rate", *right->rate()}};
  out["agreement"] = agreement_json(run, judge);
  out["guard"] = run.guard ? metrics::to_json(run.guard->metrics) : Json(nullptr);
  out["guard_and_answer"] = run.guard ? answers_json(*run.guard) : Json(nullptr);
  out["comparable"] = score.compares;
  return out;
}

}  // namespace holisafe::runs
