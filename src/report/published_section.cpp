// Scores beside those of published models.
#include <algorithm>

#include <fmt/format.h>

#include "metrics/published.h"
#include "report/rate_names.h"
#include "report/score_sections.h"

namespace holisafe::report {
namespace {

/// One row of the comparison.
struct Ranked {
  std::string name;
  std::array<std::optional<double>, metrics::combination_count> types;
  std::optional<double> masr;
  std::optional<metrics::Interval> interval;
  std::optional<double> weighted;
  bool own = false;
};

std::vector<Ranked> ranking(std::span<const ScoredRun> runs, const std::string& judge) {
  std::vector<Ranked> out;
  for (const auto& score : metrics::published_scores(judge)) {
    Ranked row{std::string(score.model), {}, score.masr, {}, {}, false};
    std::copy(score.types.begin(), score.types.end(), row.types.begin());
    out.push_back(std::move(row));
  }
  for (const ScoredRun& run : runs) {
    if (run.score.judge != judge) continue;
    const auto found = metrics::rates(run.score.types);
    const auto intervals = run.score.intervals.value_or(metrics::ScoreIntervals{});
    out.push_back(
        {run.name, found.types, found.masr_macro, intervals.masr_macro, found.masr_sample_weighted, true});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Ranked& a, const Ranked& b) { return a.masr.value_or(2) < b.masr.value_or(2); });
  return out;
}

void add_comparison(std::span<const ScoredRun> runs, const std::string& judge, std::vector<Block>& blocks) {
  BarChart chart;
  chart.horizontal = true;
  chart.title = fmt::format("mASR (macro), judge {}: this report's models among the published ones", judge);
  chart.series.push_back({"mASR", {}, {}});
  Table table;
  table.caption =
      "Published figures are the benchmark authors'. Their mASR is, within rounding, the plain mean of the "
      "four unsafe types: "
      "the macro one here.";
  table.columns = rate_columns("Model");
  table.columns.push_back({"mASR macro", true, "plain mean of the four unsafe types"});
  table.columns.push_back({"mASR weighted", true, "all unsafe rows together; not published"});
  for (const Ranked& row : ranking(runs, judge)) {
    if (row.own) chart.highlight.push_back(chart.labels.size());
    chart.labels.push_back(row.name);
    chart.series[0].values.push_back(row.masr);
    chart.series[0].intervals.push_back(row.interval);
    Table::Row line;
    line.emphasis = row.own;
    line.cells.push_back({row.name, row.own ? "this report" : ""});
    for (const auto& rate : row.types) line.cells.push_back({percent(rate)});
    line.cells.push_back({percent(row.masr)});
    line.cells.push_back({percent(row.weighted)});
    table.rows.push_back(std::move(line));
  }
  blocks.push_back({chart});
  blocks.push_back({Fold{"The same as a table", {{table}}}});
}

}  // namespace

Section published_section(std::span<const ScoredRun> runs) {
  Section section{"published", "Beside published models", {}};
  std::vector<std::string> judges;
  for (const ScoredRun& run : runs) {
    if (std::find(judges.begin(), judges.end(), run.score.judge) == judges.end())
      judges.push_back(run.score.judge);
  }
  for (const auto& judge : judges) {
    if (!metrics::published_scores(judge).empty()) add_comparison(runs, judge, section.blocks);
  }
  if (section.blocks.empty())
    section.blocks.push_back({Paragraph{"No published figures exist for these judges."}});
  return section;
}

}  // namespace holisafe::report
