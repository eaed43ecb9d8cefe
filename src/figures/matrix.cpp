// Counts as a grid: the darker a cell, the more of its row is in it; the number stands in it.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "figures/canvas.h"
#include "figures/layouts.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

struct Grid {
  double left = 0;
  double top = 0;
  double cell_width = 0;
  double cell_height = 0;
  double size = 0;  ///< of labels' text
};

Grid grid_of(const std::vector<std::string>& labels, double width) {
  constexpr double highest = 12;
  Grid out;
  out.size = width > 400 ? 6 : 4.5;
  double longest = 0;
  for (const std::string& label : labels) longest = std::max(longest, text_width(label, out.size));
  longest = std::min(longest, width / 3);
  out.left = line_height + longest + 3;
  out.top = line_height + longest + 3;
  out.cell_width = (width - out.left - 1) / static_cast<double>(std::max<std::size_t>(1, labels.size()));
  out.cell_height = std::min(out.cell_width, highest);
  return out;
}

void draw_cell(Canvas& canvas, const Box& cell, std::uint64_t count, double share, std::string title) {
  constexpr double darkest = 0.55;  // black digits stay readable on it
  canvas.path({.lines = {{{cell.left, cell.top},
                          {cell.right, cell.top},
                          {cell.right, cell.bottom},
                          {cell.left, cell.bottom}}},
               .closed = true,
               .fill = 1 - (1 - darkest) * share,
               .stroke = Stroke{0.3, 0.7, {}},
               .title = std::move(title)});
  if (count == 0) return;
  const std::string text = fmt::format("{}", count);
  const double size = std::min(6.0, 0.9 * (cell.right - cell.left) / std::max(1.0, text_width(text, 1)));
  canvas.text({.at = {(cell.left + cell.right) / 2, (cell.top + cell.bottom) / 2 + size * 0.36},
               .text = text,
               .size = size,
               .anchor = Text::Anchor::middle});
}

}  // namespace

Drawing draw_matrix(const Matrix& chart, double width) {
  Canvas canvas(width, one_line(chart.title));
  std::vector<std::string> labels;
  for (const std::string& label : chart.labels) labels.push_back(one_line(label));
  const Grid grid = grid_of(labels, width);
  const double bottom = grid.top + grid.cell_height * static_cast<double>(labels.size());
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const double y = grid.top + grid.cell_height * static_cast<double>(row);
    const double x = grid.left + grid.cell_width * static_cast<double>(row);
    const std::string label = fitted(labels[row], grid.size, grid.left - line_height - 3);
    canvas.text({.at = {grid.left - 2, y + grid.cell_height / 2 + grid.size * 0.36},
                 .text = label,
                 .size = grid.size,
                 .anchor = Text::Anchor::end});
    canvas.text({.at = {x + grid.cell_width / 2 + grid.size * 0.36, grid.top - 2},
                 .text = label,
                 .size = grid.size,
                 .upright = true});
    const auto& counts = chart.counts[row];
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    for (std::size_t column = 0; column < counts.size(); ++column) {
      const double left = grid.left + grid.cell_width * static_cast<double>(column);
      draw_cell(canvas, {left, y, left + grid.cell_width, y + grid.cell_height}, counts[column],
                all > 0 ? static_cast<double>(counts[column]) / all : 0,
                fmt::format("{}, {}: {}", labels[row], labels[column], counts[column]));
    }
  }
  canvas.text({.at = {(grid.left + width) / 2, text_size},
               .text = fitted(one_line(chart.column_axis), text_size, width - grid.left),
               .anchor = Text::Anchor::middle});
  canvas.text({.at = {text_size, (grid.top + bottom) / 2},
               .text = fitted(one_line(chart.row_axis), text_size, bottom - grid.top),
               .anchor = Text::Anchor::middle,
               .upright = true});
  return canvas.finish(bottom + 1);
}

}  // namespace holisafe::figures
