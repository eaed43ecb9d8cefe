// Lines and points over fractions on both axes.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "figures/canvas.h"
#include "figures/layouts.h"

namespace holisafe::figures {
namespace {

constexpr double frame_below = 2 * line_height + 6;  ///< ticks and title below a frame

Stroke stroke_of(const LineChart::Line& line, std::size_t kind) {
  return line.dashed ? Stroke{0.5, 0.45, {1.5, 1.5}} : Stroke{0.9, 0, dashes_of(kind)};
}

/// Marks on every point would hide a long line.
std::size_t mark_step(std::size_t points) {
  constexpr std::size_t marks = 10;
  return std::max<std::size_t>(1, points / marks);
}

std::string place_text(const std::string& name, double x, double y) {
  return fmt::format("{}: {}, {}", name, percent(x), percent(y));
}

void draw_line(Canvas& canvas, const Frame& frame, const LineChart::Line& line, std::size_t kind) {
  const std::string name = one_line(line.name);
  std::vector<Point> points;
  for (const auto& [x, y] : line.points) points.push_back({frame.x.at(x), frame.y.at(y)});
  if (points.empty()) return;
  canvas.path({.lines = {points}, .stroke = stroke_of(line, kind), .title = name});
  if (line.dashed) return;
  const std::size_t step = mark_step(points.size());
  for (std::size_t i = step / 2; i < points.size(); i += step)
    canvas.mark(points[i], kind, place_text(name, line.points[i].first, line.points[i].second));
}

}  // namespace

Drawing draw_lines(const LineChart& chart, double width) {
  Canvas canvas(width, one_line(chart.title));
  const Frame frame = square_frame(canvas, one_line(chart.x_axis), one_line(chart.y_axis));
  std::vector<Canvas::LegendEntry> legend;
  std::size_t kind = 0;
  for (const LineChart::Line& line : chart.lines) {
    draw_line(canvas, frame, line, kind);
    legend.push_back({one_line(line.name), [&canvas, &line, kind](const Box& box) {
                        const double y = (box.top + box.bottom) / 2;
                        canvas.line({box.left, y}, {box.right, y}, stroke_of(line, kind));
                        if (!line.dashed) canvas.mark({(box.left + box.right) / 2, y}, kind, "");
                      }});
    kind += line.dashed ? 0 : 1;
  }
  return canvas.finish(canvas.legend(legend, frame.inside.left, frame.inside.bottom + frame_below) + 1);
}

Drawing draw_points(const PointChart& chart, double width) {
  Canvas canvas(width, one_line(chart.title));
  const Frame frame = square_frame(canvas, one_line(chart.x_axis), one_line(chart.y_axis));
  std::vector<Canvas::LegendEntry> legend;
  for (std::size_t kind = 0; kind < chart.points.size(); ++kind) {
    const PointChart::Point& point = chart.points[kind];
    const Point at{frame.x.at(point.x), frame.y.at(point.y)};
    constexpr double end = 1.5;
    if (const auto& ends = point.x_interval)
      canvas.whisker({frame.x.at(ends->low), at.y}, {frame.x.at(ends->high), at.y}, end);
    if (const auto& ends = point.y_interval)
      canvas.whisker({at.x, frame.y.at(ends->low)}, {at.x, frame.y.at(ends->high)}, end);
    canvas.mark(at, kind, place_text(one_line(point.name), point.x, point.y));
    legend.push_back({one_line(point.name), [&canvas, kind](const Box& box) {
                        canvas.mark({(box.left + box.right) / 2, (box.top + box.bottom) / 2}, kind, "");
                      }});
  }
  return canvas.finish(canvas.legend(legend, frame.inside.left, frame.inside.bottom + frame_below) + 1);
}

}  // namespace holisafe::figures
