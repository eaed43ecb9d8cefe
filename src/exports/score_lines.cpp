#include "exports/score_lines.h"

#include <array>

namespace holisafe::exports {
namespace {

constexpr std::array<const char*, 16> head = {
    "run", "benchmark", "data_sha256", "judge", "mode", "group_kind", "group",     "metric",
    "n",   "count",     "unjudged",    "value", "low",  "high",       "bound_low", "bound_high"};

/// What the lines of one score begin with.
class ScoreLines {
 public:
  ScoreLines(const Source& source, const metrics::Score& score, CsvFor reader)
      : score_(score), reader_(reader) {
    begin_ = {source.name, std::string(source.benchmark->name), source.data_sha256, score.judge,
              cell(score.mode)};
  }

  /// The figures of all rows, or of those with one value of a group.
  void add(const Cell& kind, const Cell& group, const metrics::FigureList& figures) {
    for (std::size_t i = 0; i < figures.size(); ++i) {
      const metrics::Figure& figure = figures[i];
      std::vector<Cell> cells = begin_;
      cells.push_back(kind);
      cells.push_back(group);
      cells.emplace_back(std::string(metrics::figure_name(*score_.definition, i).name));
      cells.emplace_back(figure.tally.rows());
      cells.push_back(cell(metrics::counted(*score_.definition, i, figure.tally)));
      cells.emplace_back(figure.tally.unjudged);
      cells.push_back(cell(figure.value));
      cells.push_back(figure.interval ? Cell(figure.interval->low) : Cell());
      cells.push_back(figure.interval ? Cell(figure.interval->high) : Cell());
      cells.push_back(cell(figure.low));
      cells.push_back(cell(figure.high));
      text += csv_line(cells, reader_);
    }
  }

  std::string text;

 private:
  const metrics::Score& score_;
  CsvFor reader_;
  std::vector<Cell> begin_;
};

}  // namespace

std::string score_lines(const std::vector<Source>& sources, CsvFor reader) {
  std::string out = csv_line(std::vector<Cell>(head.begin(), head.end()), reader);
  for (const Source& source : sources) {
    for (const report::ScoredRun& run : source.scores) {
      const metrics::Score& score = run.score;
      ScoreLines lines(source, score, reader);
      lines.add({}, {}, score.figures);
      for (std::size_t group = 0; group < score.groups.size(); ++group) {
        for (const metrics::GroupValue& value : score.groups[group])
          lines.add(score.definition->groups[group].name, value.value, value.figures);
      }
      out += lines.text;
    }
  }
  return out;
}

}  // namespace holisafe::exports
