// Charts of what a score finds against what it flags needlessly.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace holisafe::report {

using Points = std::vector<std::pair<double, double>>;

LineChart roc_chart(std::string title);
LineChart precision_recall_chart(std::string title);
/// Adds a curve with as many points as a page's width can tell apart; none where there is no curve.
void add_curve(LineChart& chart, std::string name, const Points& curve);
/// Adds what chance gives.
void end_roc(LineChart& chart);
/// "NAME (area 0.912)"; the name alone where there is no area.
std::string with_area(const std::string& name, std::optional<double> area);

}  // namespace holisafe::report
