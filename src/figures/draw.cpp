#include "figures/draw.h"

#include "figures/layouts.h"

namespace holisafe::figures {
namespace {

struct Layout {
  double width;
  Drawing operator()(const BarChart& chart) const { return draw_bars(chart, width); }
  Drawing operator()(const LineChart& chart) const { return draw_lines(chart, width); }
  Drawing operator()(const Matrix& chart) const { return draw_matrix(chart, width); }
  Drawing operator()(const PointChart& chart) const { return draw_points(chart, width); }
};

}  // namespace

Drawing draw(const Chart& chart, double width) { return std::visit(Layout{width}, chart); }

}  // namespace holisafe::figures
