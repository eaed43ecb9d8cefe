#include "cli/score_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/text_table.h"
#include "report/figure_columns.h"

namespace holisafe::cli {
namespace {

using Line = TableLine;
using metrics::Figures;

std::string rate(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value * 100) : "-";
}

std::string range(const metrics::Figure& figure) {
  const auto& ends = figure.interval;
  if (!ends) return figure.value ? "-" : "";
  return fmt::format("{:.1f}-{:.1f}", ends->low * 100, ends->high * 100);
}

std::string column(const Figures& figures, std::size_t figure) {
  const auto name = metrics::figure_name(figures, figure);
  return report::or_else(name.words->column, name.title);
}

constexpr const char* empty_title = "empty";

/// A column of counts. What is rare has one only where there is some of it.
struct Count {
  std::string title;
  std::optional<std::uint64_t> (*of)(const metrics::Score& score);
  bool always = false;
};

std::vector<Count> count_columns(std::span<const report::ScoredRun> runs) {
  using metrics::Score;
  const auto& figures = *runs.front().score.definition;
  std::vector<Count> out = {
      {report::or_else(figures.prose.rows, "rows"),
       [](const Score& score) { return std::optional(score.rows()); }, true},
      {"skipped", [](const Score& score) { return std::optional(score.skipped); }, true},
      {"unjudged", [](const Score& score) { return std::optional(score.unjudged()); }, true},
      {empty_title, [](const Score& score) { return score.empty; }},
      {"cut off", [](const Score& score) { return score.cut_off; }},
  };
  std::erase_if(out, [&](const Count& count) {
    return !count.always && std::all_of(runs.begin(), runs.end(), [&](const auto& run) {
      return count.of(run.score).value_or(0) == 0;
    });
  });
  return out;
}

void add_run(const report::ScoredRun& run, const std::vector<Count>& counts, std::vector<Line>& lines) {
  Line line = {one_line(run.name)};
  for (const Count& count : counts) {
    const auto rows = count.of(run.score);
    line.push_back(rows ? fmt::format("{}", *rows) : "-");
    const bool chosen = count.title == empty_title && rows.value_or(0) > 0 && run.score.chose_empty_as();
    if (chosen) line.back() += fmt::format(" ({})", run.score.empty_as);
  }
  for (const auto& figure : run.score.figures) line.push_back(rate(figure.value));
  lines.push_back(std::move(line));
  if (!run.score.intervals) return;
  Line ends = {"  95%"};
  ends.resize(1 + counts.size());
  for (const auto& figure : run.score.figures) ends.push_back(range(figure));
  lines.push_back(std::move(ends));
}

/// The rates of rows with one value of a group, and the primary figure.
class GroupTable {
 public:
  explicit GroupTable(const metrics::Score& score) : score_(score), figures_(*score.definition) {
    for (std::size_t i = 0; i < figures_.rates.size(); ++i) shown_.push_back(i);
    if (const auto mean = report::primary_mean(figures_)) shown_.push_back(*mean);
  }

  /// A group with those that divide its values below each.
  std::string of(std::size_t group) {
    const std::string& name = figures_.groups[group].name;
    std::vector<std::size_t> below;
    std::string title = name;
    for (std::size_t i = 0; i < figures_.groups.size(); ++i) {
      if (figures_.groups[i].within != name) continue;
      below.push_back(i);
      title += " / " + figures_.groups[i].name;
    }
    Line head = {title};
    for (const std::size_t figure : shown_) {
      const bool mean = figure >= figures_.rates.size();
      head.push_back(mean ? report::brief_title(metrics::figure_name(figures_, figure))
                          : column(figures_, figure));
    }
    std::vector<Line> lines = {std::move(head)};
    for (const auto& value : score_.groups[group]) {
      add(one_line(value.value), value, lines);
      for (const std::size_t other : below) {
        for (const auto& inner : score_.groups[other]) {
          if (inner.parent == value.value) add("  " + one_line(inner.value), inner, lines);
        }
      }
    }
    return text_table(lines);
  }

 private:
  void add(std::string title, const metrics::GroupValue& value, std::vector<Line>& lines) const {
    Line line = {std::move(title)};
    for (const std::size_t figure : shown_) line.push_back(rate(value.figures[figure].value));
    lines.push_back(std::move(line));
  }

  const metrics::Score& score_;
  const Figures& figures_;
  std::vector<std::size_t> shown_;
};

std::string group_tables(std::span<const report::ScoredRun> runs, const ShownGroups& shown) {
  std::string out;
  for (const auto& run : runs) {
    const metrics::Score& score = run.score;
    for (std::size_t group = 0; group < score.groups.size(); ++group) {
      const metrics::Group& definition = score.definition->groups[group];
      const bool wanted = shown.by.empty() ? shown.of_one_run && runs.size() == 1 && definition.within.empty()
                                           : definition.name == shown.by;
      if (!wanted) continue;
      out += "\n";
      if (runs.size() > 1) out += one_line(run.name) + "\n";
      out += GroupTable(score).of(group);
    }
  }
  return out;
}

void add_published(std::span<const metrics::PublishedScore> scores, std::size_t counts,
                   std::vector<Line>& lines) {
  for (const auto& score : scores) {
    Line line = {fmt::format("  {}", score.model)};
    line.resize(1 + counts);
    for (const auto& figure : score.figures) line.push_back(figure ? rate(figure) : "");
    lines.push_back(std::move(line));
  }
}

}  // namespace

std::string score_table(std::span<const report::ScoredRun> runs, ShowPublished published,
                        const ShownGroups& groups) {
  const auto& first = runs.front();
  if (std::all_of(runs.begin(), runs.end(), [](const auto& run) { return run.silent(); }))
    return fmt::format("Judge {} gave no verdict.\n", first.score.judge);
  const Figures& figures = *first.score.definition;
  const std::vector<Count> counts = count_columns(runs);
  Line head = {"file"};
  for (const Count& count : counts) head.push_back(count.title);
  for (std::size_t i = 0; i < metrics::figure_count(figures); ++i) head.push_back(column(figures, i));
  std::vector<Line> lines = {head};
  for (const auto& run : runs) add_run(run, counts, lines);
  const bool compares = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return run.compares; });
  const auto& judge = first.score.judge;
  std::string apart;
  if (first.published.empty() &&
      (published == ShowPublished::all || (published == ShowPublished::comparable && compares))) {
    lines.push_back({fmt::format("nothing published for judge {}", judge)});
  } else if (compares && published != ShowPublished::none) {
    lines.push_back({fmt::format("published (judge {})", judge)});
    add_published(first.published, counts.size(), lines);
  } else if (published == ShowPublished::all) {
    std::vector<Line> others = {head};
    others.front()[0] = fmt::format("published (judge {})", judge);
    std::fill_n(others.front().begin() + 1, counts.size(), "");
    add_published(first.published, counts.size(), others);
    apart = fmt::format("\n{}\n\n{}", report::published_apart, text_table(others));
  }
  const std::string said = first.llm_judge ? report::or_else(figures.prose.judged, figures.prose.terminal)
                                           : figures.prose.terminal;
  std::string out = fmt::format("Percent; judge {}, mode {}.{}{}\n\n", one_line(judge),
                                first.score.mode.value_or("-"), said.empty() ? "" : " ", said);
  out += text_table(lines) + apart;
  return out + group_tables(runs, groups);
}

}  // namespace holisafe::cli
