// Scores beside those of published models.
#include <algorithm>

#include <fmt/format.h>

#include "report/figure_columns.h"
#include "report/score_sections.h"

namespace holisafe::report {
namespace {

using metrics::Figures;

/// One row of the comparison.
struct Ranked {
  std::string name;
  std::vector<std::optional<double>> figures;
  std::optional<metrics::Interval> interval;  ///< of the primary figure
  bool own = false;
};

std::vector<Ranked> ranking(std::span<const ScoredRun> runs,
                            std::span<const metrics::PublishedScore> published, const Figures& figures) {
  const std::size_t primary = metrics::primary_figure(figures);
  std::vector<Ranked> out;
  for (const auto& score : published) out.push_back({score.model, score.figures, {}, false});
  for (const ScoredRun& run : runs) {
    Ranked row{run.name, {}, run.score.figures[primary].interval, true};
    for (const auto& figure : run.score.figures) row.figures.push_back(figure.value);
    out.push_back(std::move(row));
  }
  const bool higher = metrics::figure_name(figures, primary).higher_is_better;
  const auto badness = [&](const Ranked& row) {
    const auto& value = row.figures[primary];
    return value ? (higher ? -*value : *value) : 2;
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const Ranked& a, const Ranked& b) { return badness(a) < badness(b); });
  return out;
}

/// Means that nobody published say so.
std::vector<Column> columns(const Figures& figures, std::span<const metrics::PublishedScore> published) {
  std::vector<Column> out = rate_columns("Model", figures);
  const auto means = mean_columns(figures, true);
  for (std::size_t i = 0; i < means.size(); ++i) {
    const std::size_t figure = figures.rates.size() + i;
    const bool known = std::any_of(published.begin(), published.end(),
                                   [&](const auto& score) { return score.figures[figure].has_value(); });
    out.push_back(means[i]);
    if (!known) out.back().note += "; not published";
  }
  return out;
}

/// Chart and table of the published models, with `runs` among them.
void add_comparison(std::span<const ScoredRun> runs, const ScoredRun& any, std::vector<Block>& blocks) {
  const Figures& figures = *any.score.definition;
  Table table;
  table.caption = figures.prose.published;
  table.columns = columns(figures, any.published);
  for (const Ranked& row : ranking(runs, any.published, figures)) {
    Table::Row line;
    line.emphasis = row.own;
    line.cells.push_back({row.name, row.own ? "this report" : ""});
    for (const auto& figure : row.figures) line.cells.push_back({percent(figure)});
    table.rows.push_back(std::move(line));
  }
  blocks.push_back({published_bars(runs, any)});
  blocks.push_back({Fold{"The same as a table", {{table}}}});
}

}  // namespace

BarChart published_bars(std::span<const ScoredRun> runs, const ScoredRun& any) {
  const Figures& figures = *any.score.definition;
  const std::size_t primary = metrics::primary_figure(figures);
  const auto name = metrics::figure_name(figures, primary);
  BarChart chart;
  chart.horizontal = true;
  chart.title =
      fmt::format("{}, judge {}: {}", or_else(figures.prose.published_chart, name.title), any.score.judge,
                  runs.empty() ? "published models" : "this report's models among the published ones");
  chart.series.push_back({brief_title(name), {}, {}});
  for (const Ranked& row : ranking(runs, any.published, figures)) {
    if (row.own) chart.highlight.push_back(chart.labels.size());
    chart.labels.push_back(row.name);
    chart.series[0].values.push_back(row.figures[primary]);
    chart.series[0].intervals.push_back(row.interval);
  }
  return chart;
}

Section published_section(std::span<const ScoredRun> runs, bool published) {
  Section section{"published", "Beside published models", {}};
  std::vector<std::string> judges;
  bool compares = false;
  for (const ScoredRun& run : runs) {
    compares = compares || run.compares;
    if (std::find(judges.begin(), judges.end(), run.score.judge) == judges.end())
      judges.push_back(run.score.judge);
  }
  for (const auto& judge : judges) {
    std::vector<ScoredRun> own;
    std::vector<ScoredRun> apart;
    for (const ScoredRun& run : runs) {
      if (run.score.judge == judge && !run.published.empty()) (run.compares ? own : apart).push_back(run);
    }
    if (!own.empty()) add_comparison(own, own.front(), section.blocks);
    if (!own.empty() || apart.empty() || !published) continue;
    section.blocks.push_back({Paragraph{std::string(published_apart)}});
    add_comparison({}, apart.front(), section.blocks);
  }
  if (section.blocks.empty() && (compares || published))
    section.blocks.push_back({Paragraph{"No published figures exist for these judges."}});
  return section;
}

}  // namespace holisafe::report
