#include "exports/comparison_files.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "exports/csv.h"
#include "exports/folder_files.h"
#include "report/report.h"
#include "runs/row_marks.h"

namespace holisafe::exports {
namespace {

using metrics::PairedFigure;
using runs::RunComparison;

std::string difference_lines(const RunComparison& found) {
  const std::vector<Cell> head = {"first_run",
                                  "second_run",
                                  "benchmark",
                                  "judge",
                                  "metric",
                                  "n",
                                  "first",
                                  "second",
                                  "difference",
                                  "low",
                                  "high",
                                  "only_first_wrong",
                                  "only_second_wrong",
                                  "p_value"};
  std::string out = csv_line(head, CsvFor::programs);
  for (std::size_t i = 0; i < found.comparison.figures.size(); ++i) {
    const auto& figure = found.comparison.figures[i];
    std::vector<Cell> cells = {found.first, found.second, std::string(found.benchmark->name), found.judge,
                               std::string(metrics::figure_name(*found.benchmark->figures, i).name)};
    cells.emplace_back(figure ? figure->rows : std::uint64_t{0});
    cells.resize(head.size());
    if (figure) {
      std::size_t at = 6;
      for (const double value : {figure->first, figure->second, figure->difference}) cells[at++] = value;
      if (figure->interval) {
        cells[at] = figure->interval->low;
        cells[at + 1] = figure->interval->high;
      }
      at += 2;
      if (const auto& test = figure->test) {
        cells[at++] = test->only_first_wrong;
        cells[at++] = test->only_second_wrong;
        cells[at] = test->p_value;
      }
    }
    out += csv_line(cells, CsvFor::programs);
  }
  return out;
}

/// Every change has the same groups.
std::string changed_lines(const RunComparison& found) {
  const metrics::Figures& figures = *found.benchmark->figures;
  std::vector<Cell> cells = {"id"};
  for (const std::string& group : metrics::groups_of_rates(figures)) cells.emplace_back(group);
  cells.emplace_back("first");
  cells.emplace_back("second");
  std::string out = csv_line(cells, CsvFor::programs);
  for (const RunComparison::Change& change : found.changes) {
    cells = {change.id};
    for (const auto& [group, value] : change.place) cells.push_back(value.empty() ? Cell() : Cell(value));
    cells.emplace_back(runs::mark_text(figures, change.first));
    cells.emplace_back(runs::mark_text(figures, change.second));
    out += csv_line(cells, CsvFor::programs);
  }
  return out;
}

/// "+1.2", and with the sign that is a minus in print.
std::string signed_percent(double fraction) {
  constexpr const char* minus = "\xe2\x88\x92";
  const std::string text = fmt::format("{:+.1f}", fraction * 100);
  return text.front() == '-' ? minus + text.substr(1) : text;
}

std::vector<PrintCell> row_of(std::string title, const std::optional<PairedFigure>& figure) {
  if (!figure) {
    std::vector<PrintCell> out(8, {"-"});
    out[0].text = std::move(title);
    out[1].text = "0";
    return out;
  }
  const auto& ends = figure->interval;
  const auto& test = figure->test;
  const std::string interval =
      ends ? fmt::format("{} to {}", signed_percent(ends->low), signed_percent(ends->high)) : "-";
  return {{std::move(title)},
          {fmt::format("{}", figure->rows)},
          {fmt::format("{:.1f}", figure->first * 100)},
          {fmt::format("{:.1f}", figure->second * 100)},
          {signed_percent(figure->difference)},
          {interval},
          {test ? fmt::format("{} / {}", test->only_first_wrong, test->only_second_wrong) : "-"},
          {test ? fmt::format("{:.3g}", test->p_value) : "-"}};
}

PrintTable difference_table(const RunComparison& found) {
  const metrics::Figures& figures = *found.benchmark->figures;
  PrintTable out;
  out.caption = fmt::format(
      "{}, judge {}, in percent. First: {}. Second: {}. Difference: second - first, with its 95% interval "
      "over "
      "images; wrong in the first alone / in the second alone; p of McNemar's exact test, where every row is "
      "right "
      "or wrong.",
      found.benchmark->title, found.judge, found.first, found.second);
  out.columns = {{"Figure"},           {"Rows", true}, {"First", true},          {"Second", true},
                 {"Difference", true}, {"95%", true},  {"Only one wrong", true}, {"p", true}};
  PrintPart part;
  for (std::size_t i = 0; i < found.comparison.figures.size(); ++i) {
    part.rows.push_back(
        row_of(std::string(metrics::figure_name(figures, i).title), found.comparison.figures[i]));
  }
  out.parts = {std::move(part)};
  return out;
}

}  // namespace

Result<void> export_comparison(const RunComparison& comparison, const std::filesystem::path& out,
                               const Remarks& remarks) {
  HOLISAFE_TRY(const auto formats, formats_named(format_names()));
  return write_new_folder(out, [&](const std::filesystem::path& folder) -> Result<void> {
    HOLISAFE_CHECK(write_file_atomic(folder / "differences.csv", difference_lines(comparison)));
    HOLISAFE_CHECK(write_file_atomic(folder / "changed.csv", changed_lines(comparison)));
    const PrintTable table = difference_table(comparison);
    return write_tables(folder, "differences", {&table, 1}, remarks, formats);
  });
}

}  // namespace holisafe::exports
