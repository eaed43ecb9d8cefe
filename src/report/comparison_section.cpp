#include "report/comparison_section.h"

#include <fmt/format.h>

#include "report/figure_columns.h"

namespace holisafe::report {
namespace {

std::string two_decimals(std::optional<double> value) {
  return value ? fmt::format("{:.2f}", *value) : "\xe2\x80\x93";
}

Cell agreement_cell(const metrics::Agreement& found) {
  if (found.judged() == 0) return {percent(std::nullopt)};
  return {fmt::format("{}, \xce\xba {}", percent(found.raw()), two_decimals(found.kappa())),
          fmt::format("n = {}", found.judged())};
}

/// "+1.2" in percentage points.
std::string points(double difference) { return fmt::format("{:+.1f}", difference * 100); }

std::string p_value(double value) { return value < 0.001 ? "< 0.001" : fmt::format("{:.3f}", value); }

Table::Row difference_row(std::string title, const std::optional<metrics::PairedFigure>& rate) {
  if (!rate)
    return {{{std::move(title)}, {"0"}, {percent(std::nullopt)}, {percent(std::nullopt)}, {}, {}, {}}};
  const auto& test = rate->test;
  const std::string interval =
      rate->interval ? fmt::format("{} to {}", points(rate->interval->low), points(rate->interval->high))
                     : "";
  return {{{std::move(title)},
           {fmt::format("{}", rate->rows)},
           {percent(rate->first)},
           {percent(rate->second)},
           {points(rate->difference), interval},
           {test ? fmt::format("{} / {}", test->only_first_wrong, test->only_second_wrong) : percent({})},
           {test ? p_value(test->p_value) : percent({})}}};
}

}  // namespace

Section agreement_section(std::span<const JudgePair> pairs) {
  Section section{"agreement", "Agreement of judges", {}};
  section.blocks.push_back(
      {Paragraph{"Share of rows on which two judges say the same, and Cohen's kappa: agreement beyond what "
                 "their own shares of refusals "
                 "would give by chance (1 is full agreement, 0 is chance). Rows without a verdict of either "
                 "are left out."}});
  Table table;
  table.columns = {{"Judges"}, {"All", true}};
  for (const auto& [name, agreement] : pairs.front().places) table.columns.push_back({name, true});
  table.columns.push_back({"Left out", true});
  for (const JudgePair& pair : pairs) {
    Table::Row row;
    row.cells = {{fmt::format("{} and {}", pair.first, pair.second), pair.run}, agreement_cell(pair.all)};
    for (const auto& [name, agreement] : pair.places) row.cells.push_back(agreement_cell(agreement));
    row.cells.push_back({fmt::format("{}", pair.all.unjudged())});
    table.rows.push_back(std::move(row));
  }
  section.blocks.push_back({std::move(table)});
  return section;
}

Section comparison_section(const std::string& first, const std::string& second,
                           const metrics::Comparison& comparison, std::span<const ChangedExample> examples) {
  const metrics::Figures& figures = *comparison.definition;
  const auto primary = metrics::figure_name(figures, metrics::primary_figure(figures));
  Section section{"comparison", fmt::format("{} against {}", second, first), {}};
  Table table;
  table.caption = fmt::format(
      "Rates over the rows judged in both ({} left out). Difference in percentage points with its 95% "
      "interval over images; "
      "{} zero: {} does better. Only one wrong: rows that only the first or only the second got wrong, "
      "with McNemar's exact "
      "test.",
      comparison.left_out, primary.higher_is_better ? "above" : "below", second);
  table.columns = {{"Rate"},       {"Rows", true},       {first, true},
                   {second, true}, {"Difference", true}, {"Only one wrong", true},
                   {"p", true}};
  for (std::size_t i = 0; i < comparison.figures.size(); ++i) {
    table.rows.push_back(
        difference_row(std::string(metrics::figure_name(figures, i).title), comparison.figures[i]));
  }
  section.blocks.push_back({std::move(table)});
  if (examples.empty()) return section;
  Examples shown;
  for (const ChangedExample& row : examples) {
    shown.examples.push_back({fmt::format("{}{}{}, then {}", row.place, row.place.empty() ? "" : ": ",
                                          row.first_mark, row.second_mark),
                              fmt::format("id {}, image {}", row.id, row.image),
                              {{"Query", row.query}, {first, row.first}, {second, row.second}}});
  }
  section.blocks.push_back({Fold{"Examples that changed", {{std::move(shown)}}}});
  return section;
}

}  // namespace holisafe::report
