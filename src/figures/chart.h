// What a figure shows, as data: bars, lines, a matrix, points. The page's script draws it in colour; draw()
// (draw.h) lays it out for paper, as SVG and PDF.
//
// All text is plain: whoever writes it escapes it, so names may hold anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/interval.h"

namespace holisafe::figures {

/// Values of one thing in a chart; a value or interval that is undefined is left out of the drawing.
struct Series {
  std::string name;
  std::vector<std::optional<double>> values;
  std::vector<std::optional<metrics::Interval>> intervals = {};  ///< drawn as whiskers; may be empty
};

/// Bars: one group a label, one bar a series. Values are fractions shown as percent.
struct BarChart {
  std::string title;
  std::vector<std::string> labels;
  std::vector<Series> series;
  bool horizontal = false;  ///< for many labels
  std::vector<std::size_t> highlight =
      {};                 ///< labels drawn in the accent colour, the others muted; empty: all equal
  std::string axis = {};  ///< what the values are
};

/// Lines over fractions on both axes, such as a reliability diagram or an ROC curve.
struct LineChart {
  std::string title;
  struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;
    bool dashed = false;  ///< what is only compared with, such as a diagonal
  };
  std::vector<Line> lines;
  std::string x_axis;
  std::string y_axis;
};

/// Counts by two things that have the same values, such as label and prediction.
struct Matrix {
  std::string title;
  std::vector<std::string> labels;                 ///< of rows and columns
  std::vector<std::vector<std::uint64_t>> counts;  ///< [row][column], as many as labels
  std::string row_axis;
  std::string column_axis;
};

/// Things by two fractions each.
struct PointChart {
  std::string title;
  struct Point {
    std::string name;
    double x = 0;
    double y = 0;
    std::optional<metrics::Interval> x_interval = {};
    std::optional<metrics::Interval> y_interval = {};
  };
  std::vector<Point> points;
  std::string x_axis;
  std::string y_axis;
};

using Chart = std::variant<BarChart, LineChart, Matrix, PointChart>;

/// "12.3%", or "–" where there is none.
std::string percent(std::optional<double> fraction);
/// "10.1–14.9%", or empty.
std::string percent_range(const std::optional<metrics::Interval>& interval);

}  // namespace holisafe::figures
