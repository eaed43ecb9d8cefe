#include <cmath>

#include <fmt/format.h>

#include "exports/run_figures.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::exports {
namespace {

using Points = std::vector<std::pair<double, double>>;
using report::GuardRun;

/// As many points as can be told apart on paper.
Points thinned(const Points& points) {
  constexpr double seen = 0.002;
  Points out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [x, y] = points[i];
    const bool far =
        out.empty() || std::abs(x - out.back().first) > seen || std::abs(y - out.back().second) > seen;
    if (far || i + 1 == points.size()) out.push_back(points[i]);
  }
  return out;
}

figures::LineChart curve_chart(const std::vector<GuardRun>& guards, Points metrics::Curves::*curve) {
  figures::LineChart out;
  for (const GuardRun& guard : guards) {
    if (const Points& points = guard.curves.*curve; !points.empty())
      out.lines.push_back({guard.name, thinned(points)});
  }
  return out;
}

figures::LineChart roc_chart(const std::vector<GuardRun>& guards) {
  figures::LineChart out = curve_chart(guards, &metrics::Curves::roc);
  out.title = "ROC: unsafe images found against safe ones flagged";
  out.x_axis = "safe images flagged";
  out.y_axis = "unsafe images flagged (recall)";
  if (!out.lines.empty()) out.lines.push_back({"chance", {{0, 0}, {1, 1}}, true});
  return out;
}

figures::LineChart precision_recall_chart(const std::vector<GuardRun>& guards) {
  figures::LineChart out = curve_chart(guards, &metrics::Curves::precision_recall);
  out.title = "Precision and recall of unsafe images";
  out.x_axis = "recall";
  out.y_axis = "precision";
  return out;
}

figures::Matrix confusion_chart(const GuardRun& guard) {
  figures::Matrix out;
  out.title = fmt::format("Confusion matrix of {}", guard.name);
  for (const auto& each : taxonomy::classes()) out.labels.emplace_back(each.name);
  for (const auto& row : guard.metrics.confusion) out.counts.emplace_back(row.begin(), row.end());
  out.row_axis = "label";
  out.column_axis = fmt::format("most probable class, {}", guard.name);
  return out;
}

}  // namespace

void add_guard_figures(const std::vector<GuardRun>& guards, const std::string& suffix, FigureSet& out) {
  constexpr const char* no_guard = "no images with labels that a guard judged";
  constexpr const char* one_kind = "no safe images, or no unsafe ones, that a guard judged";
  const auto add = [&](const char* name, figures::LineChart chart, const char* otherwise) {
    if (chart.lines.empty()) {
      out.left_out.push_back({name + suffix, guards.empty() ? no_guard : otherwise});
    } else {
      out.charts.push_back({name + suffix, std::move(chart)});
    }
  };
  add("guard-calibration", guards.empty() ? figures::LineChart() : report::reliability(guards), no_guard);
  add("guard-roc", roc_chart(guards), one_kind);
  add("guard-precision-recall", precision_recall_chart(guards), one_kind);
  if (guards.empty()) out.left_out.push_back({"guard-confusion" + suffix, no_guard});
  for (std::size_t i = 0; i < guards.size(); ++i) {
    const std::string number = i == 0 ? "" : fmt::format("-{}", i + 1);
    out.charts.push_back({fmt::format("guard-confusion{}{}", suffix, number), confusion_chart(guards[i])});
  }
}

}  // namespace holisafe::exports
