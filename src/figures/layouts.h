// One layout a kind of chart. Names in the chart are plain text; what is drawn of them is on one line.
#pragma once

#include "figures/chart.h"
#include "figures/drawing.h"

namespace holisafe::figures {

Drawing draw_bars(const BarChart& chart, double width);
Drawing draw_lines(const LineChart& chart, double width);
Drawing draw_matrix(const Matrix& chart, double width);
Drawing draw_points(const PointChart& chart, double width);

}  // namespace holisafe::figures
