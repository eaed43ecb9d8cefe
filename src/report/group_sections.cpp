// Scores by the values of the benchmark's groups: heat maps, and the worst values with examples.
#include <algorithm>

#include <fmt/format.h>

#include "report/figure_columns.h"
#include "report/score_sections.h"

namespace holisafe::report {
namespace {

using metrics::Figure;
using metrics::Figures;
using metrics::GroupValue;

/// How far a figure is from right.
double badness(const Figure& figure, bool higher_is_better) {
  if (!figure.value) return 0;
  return higher_is_better ? 1 - *figure.value : *figure.value;
}

Cell heat_cell(const Figure& figure, bool higher_is_better) {
  if (figure.tally.rows() == 0) return {"", "", Shade::none, 0};
  return {percent(figure.value), fmt::format("n = {}", figure.tally.rows()), Shade::bad,
          badness(figure, higher_is_better)};
}

Table heat_map(const metrics::Score& score, std::size_t group) {
  const Figures& figures = *score.definition;
  const metrics::Group& definition = figures.groups[group];
  Table table;
  table.columns = rate_columns(or_else(definition.title, definition.name), figures);
  const auto mean = primary_mean(figures);
  if (mean) {
    const auto name = metrics::figure_name(figures, *mean);
    table.columns.push_back({brief_title(name), true, or_else(name.words->brief_note, name.words->note)});
  }
  for (const GroupValue& value : score.groups[group]) {
    Table::Row row;
    row.cells.push_back({value.value});
    for (std::size_t i = 0; i < figures.rates.size(); ++i)
      row.cells.push_back(heat_cell(value.figures[i], figures.rates[i].higher_is_better));
    if (mean) row.cells.push_back({percent(value.figures[*mean].value)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Groups that others divide stand open, those that divide them folded behind.
std::vector<Block> heat_maps(const ScoredRun& run) {
  const Figures& figures = *run.score.definition;
  std::vector<Block> out;
  for (const bool divides : {false, true}) {
    for (std::size_t group = 0; group < figures.groups.size(); ++group) {
      const metrics::Group& definition = figures.groups[group];
      if (definition.within.empty() == divides) continue;
      Table table = heat_map(run.score, group);
      if (divides) {
        out.push_back({Fold{fmt::format("By {}", definition.name), {{std::move(table)}}}});
      } else {
        table.caption = fmt::format("By {}. The redder, the more often wrong.", definition.name);
        out.push_back({std::move(table)});
      }
    }
  }
  return out;
}

/// Puts each run's blocks under its name; a single run needs no name, and many stay folded.
std::vector<Block> per_run(std::span<const ScoredRun> runs, std::vector<Block> (*blocks)(const ScoredRun&)) {
  if (runs.size() == 1) return blocks(runs.front());
  std::vector<Block> out;
  constexpr std::size_t unfolded = 3;
  for (const ScoredRun& run : runs) {
    if (runs.size() > unfolded) {
      out.push_back({Fold{run.name, blocks(run)}});
      continue;
    }
    out.push_back({Heading{run.name}});
    for (Block& block : blocks(run)) out.push_back(std::move(block));
  }
  return out;
}

Example example_of(const ScoredRun& run, const ScoredExample& row) {
  const Figures& figures = *run.score.definition;
  const metrics::Rate& rate = figures.rates[row.rate];
  const std::string place = metrics::slice_name(rate.where);
  Example out;
  out.heading = run.llm_judge ? std::string(not_expected) : or_else(rate.words.wrong, "wrong");
  if (!place.empty()) out.heading = fmt::format("{}: {}", place, out.heading);
  if (!figures.groups.empty())
    out.note = or_else(row.value, fmt::format("unknown {}", figures.groups.front().name)) + ", ";
  out.note += fmt::format("id {}, image {}", row.id, row.image);
  out.quotes = {{"Query", row.query}, {"Prediction", row.prediction}};
  return out;
}

/// The values of the first group on which the primary figure is worst.
std::vector<Block> worst_values(const ScoredRun& run) {
  constexpr std::size_t shown = 5;
  const Figures& figures = *run.score.definition;
  const std::size_t primary = metrics::primary_figure(figures);
  const auto name = metrics::figure_name(figures, primary);
  const auto rates = metrics::rates_of(figures, primary);
  std::vector<const GroupValue*> worst;
  for (const GroupValue& value : run.score.groups.front()) {
    if (badness(value.figures[primary], name.higher_is_better) > 0) worst.push_back(&value);
  }
  std::stable_sort(worst.begin(), worst.end(), [&](const auto* a, const auto* b) {
    return badness(a->figures[primary], name.higher_is_better) >
           badness(b->figures[primary], name.higher_is_better);
  });
  worst.resize(std::min(worst.size(), shown));
  std::vector<Block> out;
  if (worst.empty()) out.push_back({Paragraph{or_else(figures.prose.none_wrong, "No row is wrong.")}});
  for (const GroupValue* value : worst) {
    Examples examples;
    for (const ScoredExample& row : run.examples) {
      if (row.value == value->value && std::find(rates.begin(), rates.end(), row.rate) != rates.end())
        examples.examples.push_back(example_of(run, row));
    }
    std::string title = value->value;
    if (!value->parent.empty()) title += fmt::format(" ({})", value->parent);
    out.push_back({Fold{
        fmt::format("{}: {} {} over {} {}", title, brief_title(name), percent(value->figures[primary].value),
                    value->figures[primary].tally.rows(), or_else(name.words->rows, "rows")),
        {{examples}},
        out.empty()}});
  }
  return out;
}

/// Examples of the rates that the primary figure says nothing of.
void add_other_rates(const ScoredRun& run, bool primary_too, std::vector<Block>& out) {
  const Figures& figures = *run.score.definition;
  const auto rates = metrics::rates_of(figures, metrics::primary_figure(figures));
  for (std::size_t rate = 0; rate < figures.rates.size(); ++rate) {
    if (!primary_too && std::find(rates.begin(), rates.end(), rate) != rates.end()) continue;
    Examples examples;
    for (const ScoredExample& row : run.examples) {
      if (row.rate == rate) examples.examples.push_back(example_of(run, row));
    }
    if (examples.examples.empty()) continue;
    const auto name = metrics::figure_name(figures, rate);
    const std::string wrongs = run.llm_judge
                                   ? fmt::format("{} {}", or_else(name.words->rows, "rows"), not_expected)
                                   : or_else(name.words->wrongs, "Wrong");
    out.push_back(
        {Fold{fmt::format("{}: {} {}", wrongs, brief_title(name), percent(run.score.figures[rate].value)),
              {{examples}}}});
  }
}

std::vector<Block> examples_of(const ScoredRun& run) {
  const bool grouped = !run.score.groups.empty();
  std::vector<Block> out;
  if (grouped) out = worst_values(run);
  add_other_rates(run, !grouped, out);
  return out;
}

}  // namespace

Section group_section(std::span<const ScoredRun> runs) {
  Section section{"categories", "Where it goes wrong", {}};
  if (!runs[0].score.definition->groups.empty()) section.blocks = per_run(runs, heat_maps);
  return section;
}

Section examples_section(std::span<const ScoredRun> runs) {
  const auto& groups = runs[0].score.definition->groups;
  const std::string title =
      groups.empty() ? "Examples" : "Worst " + or_else(groups.front().plural, groups.front().name);
  return {"worst", title, per_run(runs, examples_of)};
}

}  // namespace holisafe::report
