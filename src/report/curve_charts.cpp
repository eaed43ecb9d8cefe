#include "report/curve_charts.h"

#include <fmt/format.h>

namespace holisafe::report {
namespace {

/// Of a curve on a page: as many as its width can tell apart.
constexpr std::size_t most_points = 200;

/// At most so many points, the first and last among them, the others evenly by their number.
Points thinned(const Points& curve) {
  if (curve.size() <= most_points) return curve;
  Points out;
  for (std::size_t i = 0; i < most_points; ++i)
    out.push_back(curve[i * (curve.size() - 1) / (most_points - 1)]);
  return out;
}

}  // namespace

LineChart precision_recall_chart(std::string title) {
  LineChart chart;
  chart.title = std::move(title);
  chart.x_axis = "recall";
  chart.y_axis = "precision";
  return chart;
}

LineChart roc_chart(std::string title) {
  LineChart chart;
  chart.title = std::move(title);
  chart.x_axis = "share of false alarms";
  chart.y_axis = "recall";
  return chart;
}

void add_curve(LineChart& chart, std::string name, const Points& curve) {
  if (!curve.empty()) chart.lines.push_back({std::move(name), thinned(curve)});
}

void end_roc(LineChart& chart) { chart.lines.push_back({"chance", {{0, 0}, {1, 1}}, true}); }

std::string with_area(const std::string& name, std::optional<double> area) {
  return area ? fmt::format("{} (area {:.3f})", name, *area) : name;
}

}  // namespace holisafe::report
