#include "exports/run_figures.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/figure_columns.h"
#include "runs/safety_utility.h"

namespace holisafe::exports {
namespace {

using figures::BarChart;
using report::ScoredRun;
using Sources = std::vector<const Source*>;

/// "openai:gpt-4o" as part of a file's name.
std::string file_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (kept || (!out.empty() && out.back() != '-')) out += kept ? lower : '-';
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

/// All scores of some sources under their names, with the judge's where a source has several.
std::vector<ScoredRun> named_scores(const Sources& sources) {
  std::vector<ScoredRun> out;
  for (const Source* source : sources) {
    for (ScoredRun score : source->scores) {
      score.name = source->scores.size() > 1 ? fmt::format("{} ({})", source->title, score.score.judge)
                                             : source->title;
      out.push_back(std::move(score));
    }
  }
  return out;
}

/// The first group that none divides further up: categories, not their subcategories.
std::optional<std::size_t> widest_group(const metrics::Figures& figures) {
  for (std::size_t i = 0; i < figures.groups.size(); ++i) {
    if (figures.groups[i].within.empty()) return i;
  }
  return std::nullopt;
}

/// The primary figure by the values of a group.
BarChart group_bars(const std::vector<ScoredRun>& runs, std::size_t group) {
  const metrics::Figures& figures = *runs.front().score.definition;
  const std::size_t primary = metrics::primary_figure(figures);
  const auto name = metrics::figure_name(figures, primary);
  BarChart out;
  out.title = fmt::format("{} by {}", name.title, figures.groups[group].name);
  out.axis = report::brief_title(name);
  out.horizontal = true;
  for (const ScoredRun& run : runs) {
    for (const metrics::GroupValue& value : run.score.groups[group]) {
      if (std::find(out.labels.begin(), out.labels.end(), value.value) == out.labels.end())
        out.labels.push_back(value.value);
    }
  }
  for (const ScoredRun& run : runs) {
    figures::Series series{run.name, std::vector<std::optional<double>>(out.labels.size())};
    for (const metrics::GroupValue& value : run.score.groups[group]) {
      const auto place = std::find(out.labels.begin(), out.labels.end(), value.value) - out.labels.begin();
      series.values[static_cast<std::size_t>(place)] = value.figures[primary].value;
    }
    out.series.push_back(std::move(series));
  }
  return out;
}

void add_published(const Sources& sources, const std::string& suffix, FigureSet& out) {
  const auto judged = by_judge(sources);
  std::size_t made = 0;
  std::string why = "no run over the whole published benchmark";
  for (const auto& runs : judged) {
    std::vector<ScoredRun> own;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(own),
                 [](const ScoredRun& run) { return run.compares; });
    if (own.empty()) continue;
    if (own.front().published.empty()) {
      why = fmt::format("nothing published for judge {}", own.front().score.judge);
      continue;
    }
    const std::string judge = made++ == 0 ? "" : "-" + file_word(own.front().score.judge);
    out.charts.push_back(
        {fmt::format("published{}{}", suffix, judge), report::published_bars(own, own.front())});
  }
  if (made == 0) out.left_out.push_back({"published" + suffix, why});
}

void add_benchmark(const Sources& sources, const std::string& suffix, FigureSet& out) {
  const auto scores = named_scores(sources);
  const metrics::Figures& figures = *sources.front()->benchmark->figures;
  const auto group = widest_group(figures);
  if (scores.empty()) {
    out.left_out.push_back({"rates" + suffix, "no judge's verdicts"});
    out.left_out.push_back({"categories" + suffix, "no judge's verdicts"});
  } else {
    out.charts.push_back({"rates" + suffix, report::rate_bars(scores)});
    if (group && !group_bars(scores, *group).labels.empty()) {
      out.charts.push_back({"categories" + suffix, group_bars(scores, *group)});
    } else {
      out.left_out.push_back({"categories" + suffix, "rows without categories"});
    }
  }
  add_published(sources, suffix, out);
  std::vector<report::GuardRun> guards;
  for (const Source* source : sources) {
    if (!source->guard) continue;
    guards.push_back(*source->guard);
    guards.back().name = source->title;
  }
  add_guard_figures(guards, suffix, out);
}

/// Models that have both, over the sets that all have.
void add_safety_utility(const std::vector<Source>& sources, FigureSet& out) {
  std::vector<runs::SetRun> all;
  for (const Source& source : sources) {
    const std::string data = source.is_file ? std::string() : source.data_sha256;
    all.push_back({source.benchmark, source.name, source.who, data, source.scores});
  }
  auto chart = report::safety_utility_points(runs::safety_utility(all, false));
  if (chart.points.empty()) {
    out.left_out.push_back({"safety-utility", "no safety set and utility set that every model has"});
  } else {
    out.charts.push_back({"safety-utility", std::move(chart)});
  }
}

}  // namespace

FigureSet run_figures(const std::vector<Source>& sources) {
  FigureSet out;
  const auto benchmarks = by_benchmark(sources);
  for (const auto& group : benchmarks) {
    const std::string suffix =
        benchmarks.size() > 1 ? "-" + file_word(group.front()->benchmark->name) : std::string();
    add_benchmark(group, suffix, out);
  }
  add_safety_utility(sources, out);
  return out;
}

}  // namespace holisafe::exports
