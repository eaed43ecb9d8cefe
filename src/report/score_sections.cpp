#include "report/score_sections.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "report/figure_columns.h"

namespace holisafe::report {
namespace {

using metrics::Figure;
using metrics::Figures;

/// The figure's interval; "–" where none can be given for it.
std::string interval_note(const metrics::Score& score, const Figure& figure) {
  if (score.intervals && figure.value && !figure.interval) return percent(std::nullopt);
  return percent_range(figure.interval);
}

std::string judge_of(const metrics::Score& score) {
  return score.judge + (score.mode ? ", " + *score.mode : "");
}

std::string rows_word(const Figures& figures) { return or_else(figures.prose.rows, "rows"); }

/// With a capital.
std::string titled(std::string word) {
  if (!word.empty() && word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

/// "3 unjudged, 1 empty": what there is of it.
std::string exceptions_note(const metrics::Score& score) {
  std::string out;
  const std::array<std::pair<std::uint64_t, const char*>, 4> kinds = {
      {{score.unjudged(), "unjudged"},
       {score.all.unparsed, "unparsed"},
       {score.empty.value_or(0), "empty"},
       {score.cut_off.value_or(0), "cut off"}}};
  for (const auto& [rows, word] : kinds) {
    if (rows > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", rows, word);
  }
  return out;
}

Table::Row summary_row(const ScoredRun& run) {
  Table::Row row;
  row.cells = {{run.name, judge_of(run.score)},
               {fmt::format("{}", run.score.rows()), exceptions_note(run.score)}};
  for (const Figure& figure : run.score.figures)
    row.cells.push_back({percent(figure.value), interval_note(run.score, figure)});
  return row;
}

Table summary_table(std::span<const ScoredRun> runs) {
  const Figures& figures = *runs[0].score.definition;
  Table table;
  const bool judged = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return run.llm_judge; });
  const std::string caption =
      judged ? or_else(figures.prose.judged, figures.prose.caption) : figures.prose.caption;
  table.caption =
      fmt::format("Percent of judged rows, with 95% intervals.{}{}", caption.empty() ? "" : " ", caption);
  table.columns = rate_columns("Model", figures);
  table.columns.insert(table.columns.begin() + 1, {titled(rows_word(figures)), true});
  for (Column& column : mean_columns(figures, true)) table.columns.push_back(std::move(column));
  for (const ScoredRun& run : runs) table.rows.push_back(summary_row(run));
  return table;
}

/// "11.0% to 14.2%": what the rate could be were the unjudged rows judged.
std::string bound_text(const Figure& figure) {
  return figure.low ? fmt::format("{} to {}", percent(figure.low), percent(figure.high))
                    : percent(std::nullopt);
}

Table bounds_table(std::span<const ScoredRun> runs) {
  const Figures& figures = *runs[0].score.definition;
  Table table;
  table.caption = fmt::format("{} What the rates could be were they judged:",
                              or_else(figures.prose.unjudged, "Rows without a verdict count neither way."));
  table.columns = rate_columns("Model", figures);
  table.columns.insert(table.columns.begin() + 1, {"Unjudged", true});
  for (Column& column : mean_columns(figures, false)) table.columns.push_back(std::move(column));
  for (const ScoredRun& run : runs) {
    if (run.score.unjudged() == 0) continue;
    Table::Row row{{{run.name}, {fmt::format("{}", run.score.unjudged())}}};
    for (const Figure& figure : run.score.figures) row.cells.push_back({bound_text(figure)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Rows that some or all figures leave out, and why.
Table left_out_table(std::span<const ScoredRun> runs) {
  Table table;
  table.caption = "Rows left out";
  table.columns = {{"Model"}, {"Why"}, {"Rows", true}};
  for (const ScoredRun& run : runs) {
    for (const auto& [why, name, rows] : run.left_out)
      table.rows.push_back({{{run.name}, {fmt::format("{} “{}”", why, name)}, {fmt::format("{}", rows)}}});
  }
  return table;
}

/// Means first, then rates, then how many rows.
Tiles tiles(const metrics::Score& score) {
  const Figures& figures = *score.definition;
  Tiles out;
  const auto add = [&](bool means) {
    for (std::size_t i = 0; i < score.figures.size(); ++i) {
      const auto name = metrics::figure_name(figures, i);
      if (name.is_mean != means || name.words->tile.empty()) continue;
      out.tiles.push_back(
          {name.words->tile, percent(score.figures[i].value), interval_note(score, score.figures[i])});
    }
  };
  add(true);
  add(false);
  std::string note = fmt::format("{} skipped, {} unjudged", score.skipped, score.unjudged());
  if (score.empty.value_or(0) > 0) note += fmt::format(", {} empty", *score.empty);
  if (score.cut_off.value_or(0) > 0) note += fmt::format(", {} cut off", *score.cut_off);
  out.tiles.push_back({titled(rows_word(figures)) + " scored", fmt::format("{}", score.rows()), note});
  return out;
}

/// How answers count in which nothing is said, and those that were cut, where there are any.
std::vector<std::string> answer_texts(std::span<const ScoredRun> runs) {
  const auto any = [&](auto holds) { return std::any_of(runs.begin(), runs.end(), holds); };
  const auto has_empty = [](const ScoredRun& run) { return run.score.empty.value_or(0) > 0; };
  std::vector<std::string> out;
  if (any([&](const auto& run) { return has_empty(run) && !run.score.empty_marked; })) {
    out.emplace_back(
        "Empty answers, in which nothing is said (no text, white space, or reasoning without an answer), are "
        "unjudged: "
        "they are in no rate and widen its bounds.");
  }
  if (any([&](const auto& run) { return has_empty(run) && run.score.empty_marked; })) {
    out.emplace_back(
        "Empty predictions, in which nothing is said, are marked as the script marks them that the rule "
        "repeats.");
  }
  if (any([](const auto& run) { return run.score.cut_off.value_or(0) > 0; }))
    out.emplace_back("Answers that were cut off at the token limit are judged as far as they go.");
  return out;
}

}  // namespace

BarChart rate_bars(std::span<const ScoredRun> runs) {
  const Figures& figures = *runs[0].score.definition;
  BarChart chart;
  chart.title = or_else(figures.prose.chart, "All rates, with 95% intervals");
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < figures.rates.size(); ++i) shown.push_back(i);
  if (const auto mean = primary_mean(figures)) shown.push_back(*mean);
  for (const std::size_t i : shown) chart.labels.emplace_back(metrics::figure_name(figures, i).title);
  for (const ScoredRun& run : runs) {
    Series series;
    series.name = run.name;
    for (const std::size_t i : shown) {
      series.values.push_back(run.score.figures[i].value);
      series.intervals.push_back(run.score.figures[i].interval);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Section summary_section(std::span<const ScoredRun> runs) {
  Section section{"scores", "Scores", {}};
  if (runs.size() == 1) section.blocks.push_back({tiles(runs[0].score)});
  section.blocks.push_back({summary_table(runs)});
  section.blocks.push_back({rate_bars(runs)});
  const bool unjudged =
      std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.score.unjudged() > 0; });
  if (unjudged) section.blocks.push_back({bounds_table(runs)});
  if (Table table = left_out_table(runs); !table.rows.empty()) section.blocks.push_back({std::move(table)});
  return section;
}

Section method_section(std::span<const ScoredRun> runs, const metrics::BootstrapOptions& bootstrap) {
  Section section{"method", "How the figures were made", {}};
  for (const std::string& text : runs[0].score.definition->prose.about)
    section.blocks.push_back({Paragraph{text}});
  if (bootstrap.resamples > 0) {
    section.blocks.push_back({Paragraph{
        fmt::format("Intervals are 95% percentile intervals of {} bootstrap resamples (seed {}) "
                    "that draw images, not rows: the queries of one "
                    "image stand or fall together. Where a figure is 0 or 100%, which resampling gives "
                    "no width, the interval is Clopper and Pearson's exact one over the images.",
                    bootstrap.resamples, bootstrap.seed)}});
  }
  for (std::string& text : answer_texts(runs)) section.blocks.push_back({Paragraph{std::move(text)}});
  Table table;
  table.columns = {{"Model"}, {"Judge"}, {"Source"}, {"SHA-256"}};
  for (const ScoredRun& run : runs)
    table.rows.push_back({{{run.name}, {judge_of(run.score)}, {run.source}, {run.sha256}}});
  section.blocks.push_back({table});
  return section;
}

std::vector<Section> with_blocks(std::vector<Section> sections) {
  std::erase_if(sections, [](const Section& section) { return section.blocks.empty(); });
  return sections;
}

std::vector<Section> score_sections(std::span<const ScoredRun> runs,
                                    const metrics::BootstrapOptions& bootstrap, bool published) {
  return with_blocks({summary_section(runs), group_section(runs), published_section(runs, published),
                      examples_section(runs), method_section(runs, bootstrap)});
}

}  // namespace holisafe::report
