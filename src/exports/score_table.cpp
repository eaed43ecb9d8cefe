#include "exports/score_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/figure_columns.h"

namespace holisafe::exports {
namespace {

using metrics::Figures;
using report::ScoredRun;

constexpr std::size_t first_figure = 2;  ///< behind the run's name and its rows

/// "12.3", "10.1–14.9": percent() and percent_range() without their sign.
std::string unsigned_percent(std::string text) {
  if (text.ends_with('%')) text.pop_back();
  return text;
}

std::vector<PrintCell> row_of(const ScoredRun& run, bool intervals) {
  std::vector<PrintCell> out = {{run.name}, {fmt::format("{}", run.score.rows())}};
  for (const metrics::Figure& figure : run.score.figures) {
    PrintCell cell{unsigned_percent(report::percent(figure.value))};
    if (intervals && figure.value)
      cell.below = figure.interval ? unsigned_percent(report::percent_range(figure.interval)) : "-";
    out.push_back(std::move(cell));
  }
  return out;
}

/// A run alone is the best of nothing.
void mark_best(std::span<const ScoredRun> runs, PrintPart& part) {
  if (runs.size() < 2) return;
  const Figures& figures = *runs.front().score.definition;
  for (std::size_t i = 0; i < metrics::figure_count(figures); ++i) {
    const bool higher = metrics::figure_name(figures, i).higher_is_better;
    std::optional<std::size_t> best;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const auto& value = runs[run].score.figures[i].value;
      if (!value) continue;
      const auto beaten = best ? runs[*best].score.figures[i].value : std::nullopt;
      if (!beaten || (higher ? *value > *beaten : *value < *beaten)) best = run;
    }
    if (!best) continue;
    const std::string shown = part.rows[*best][first_figure + i].text;
    for (auto& row : part.rows) row[first_figure + i].best = row[first_figure + i].text == shown;
  }
}

std::string judge_of(const metrics::Score& score) {
  return fmt::format("Judge: {}{}", score.judge, score.mode ? ", mode " + *score.mode : "");
}

PrintTable table_of(const std::vector<const Source*>& sources,
                    const std::vector<std::vector<ScoredRun>>& judged, bool intervals) {
  const benchmarks::Benchmark& benchmark = *sources.front()->benchmark;
  const Figures& figures = *benchmark.figures;
  PrintTable out;
  out.caption =
      fmt::format("{}: percent of judged {}{}.", benchmark.title, report::or_else(figures.prose.rows, "rows"),
                  intervals ? ", with 95% intervals" : "");
  if (!figures.prose.caption.empty()) out.caption += " " + figures.prose.caption;
  std::string rows = report::or_else(figures.prose.rows, "rows");
  rows[0] = static_cast<char>(rows[0] >= 'a' && rows[0] <= 'z' ? rows[0] - 'a' + 'A' : rows[0]);
  out.columns = {{"Model"}, {rows, true}};
  for (std::size_t i = 0; i < metrics::figure_count(figures); ++i) {
    const auto name = metrics::figure_name(figures, i);
    out.columns.push_back({std::string(name.title), true, name.higher_is_better});
  }
  for (const auto& runs : judged) {
    PrintPart part{judge_of(runs.front().score), {}};
    for (const ScoredRun& run : runs) part.rows.push_back(row_of(run, intervals));
    mark_best(runs, part);
    out.parts.push_back(std::move(part));
  }
  return out;
}

}  // namespace

std::vector<PrintTable> score_tables(const std::vector<Source>& sources, bool intervals) {
  std::vector<PrintTable> out;
  for (const auto& group : by_benchmark(sources)) {
    const auto judged = by_judge(group);
    if (!judged.empty()) out.push_back(table_of(group, judged, intervals));
  }
  return out;
}

}  // namespace holisafe::exports
