#include "benchmarks/score_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "metrics/figure_json.h"

namespace holisafe::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

Json general_score(const Benchmark& benchmark, const metrics::Score& score) {
  const bool rules_alone = scored_by_rules(benchmark);
  const std::string_view split = score.split.empty() ? benchmark.default_split : score.split;
  Json out;
  out["benchmark"] = benchmark.name;
  out["split"] = split.empty() ? Json(nullptr) : Json(split);
  out["kind"] = name(benchmark.kind);
  out["n"] = score.rows();
  out["unjudged"] = score.unjudged();
  out["unparsed"] = score.all.unparsed;
  out["rule"] = rules_alone ? Json(score.judge) : Json(nullptr);
  out["judge"] = rules_alone ? Json(nullptr) : Json(score.judge);
  out["protocol"] = rules_alone ? Json(nullptr) : Json(find_rule(benchmark, score.judge) == nullptr);
  out["primary"] = metrics::figure_name(*score.definition, metrics::primary_figure(*score.definition)).name;
  out["metrics"] = metrics::figures_json(score);
  out["groups"] = metrics::groups_json(score);
  const bool compares = covers_published(benchmark, score.rows());
  out["published"] = compares && !published_scores(benchmark, score.judge).empty()
                         ? published_json(benchmark, score.judge)
                         : Json(nullptr);
  out["skipped"] = score.skipped;
  out["empty"] = metrics::count_json(score.empty);
  out["cut_off"] = metrics::count_json(score.cut_off);
  put_empty_as(score, out);
  return out;
}

}  // namespace

void put_empty_as(const metrics::Score& score, nlohmann::ordered_json& out) {
  if (score.chose_empty_as()) out["empty_as"] = score.empty_as;
}

nlohmann::ordered_json score_json(const Benchmark& benchmark, const metrics::Score& score) {
  return benchmark.to_json != nullptr ? benchmark.to_json(score) : general_score(benchmark, score);
}

nlohmann::ordered_json comparison_json(const Benchmark& benchmark, const metrics::Comparison& comparison) {
  if (benchmark.comparison_to_json != nullptr) return benchmark.comparison_to_json(comparison);
  return {{"metrics", metrics::figures_json(comparison)}};
}

std::span<const metrics::PublishedScore> published_scores(const Benchmark& benchmark,
                                                          std::string_view judge) {
  if (!benchmark.published || benchmark.published->scores == nullptr) return {};
  return benchmark.published->scores(judge);
}

nlohmann::ordered_json published_json(const Benchmark& benchmark, std::string_view judge) {
  const auto scores = published_scores(benchmark, judge);
  if (benchmark.published && benchmark.published->to_json != nullptr)
    return benchmark.published->to_json(scores);
  Json out = Json::array();
  for (const auto& score : scores) {
    Json figures = Json::object();
    for (std::size_t i = 0; i < score.figures.size(); ++i)
      figures[std::string(metrics::figure_name(*benchmark.figures, i).name)] =
          metrics::number_json(score.figures[i]);
    out.push_back({{"model", score.model}, {"metrics", figures}});
  }
  return out;
}

bool covers_published(const Benchmark& benchmark, std::uint64_t rows) {
  if (!benchmark.published) return false;
  const auto& whole = benchmark.published->whole_rows;
  return std::find(whole.begin(), whole.end(), rows) != whole.end();
}

}  // namespace holisafe::benchmarks
