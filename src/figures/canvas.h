// What the layouts of charts draw with: boxes, marks and lines that are told apart without colour, a legend,
// axes of fractions.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "figures/drawing.h"

namespace holisafe::figures {

inline constexpr double text_size = 7;
inline constexpr double line_height = 9;
/// Kinds of boxes, and of lines and marks, that look different; after these they begin again.
inline constexpr std::size_t box_kinds = 8;
inline constexpr std::size_t mark_kinds = 8;

struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

/// From fractions, 0 to `most`, to places, `from` to `to`.
struct Scale {
  double most = 1;
  double from = 0;
  double to = 0;
  [[nodiscard]] double at(double value) const { return from + (to - from) * value / most; }
};

/// The end of an axis that holds `value`: a round fraction, at most 1.
double axis_end(double value);
/// Fractions to label on an axis from 0 to `most`, one of axis_end()'s.
std::vector<double> axis_ticks(double most);
/// "25%": without digits that say nothing.
std::string tick_text(double fraction);

class Canvas {
 public:
  Canvas(double width, std::string title);

  void line(Point from, Point to, const Stroke& stroke = {});
  void text(Text text) { out_.shapes.emplace_back(std::move(text)); }
  void path(Path path) { out_.shapes.emplace_back(std::move(path)); }
  /// A box in the look of its kind, outlined.
  void box(const Box& box, std::size_t kind, std::string title);
  /// A mark in the look of its kind around a point.
  void mark(Point at, std::size_t kind, std::string title);
  /// Of an interval, over whatever is below: from `from` to `to` with an end at each.
  void whisker(Point from, Point to, double end);

  struct LegendEntry {
    std::string name;
    std::function<void(const Box& swatch)> draw;
  };
  /// Entries beside each other, in as many lines as they need, from `top`; gives the place below.
  double legend(const std::vector<LegendEntry>& entries, double left, double top);

  /// Ends the figure at this height.
  Drawing finish(double height);
  [[nodiscard]] double width() const { return out_.width; }

 private:
  Drawing out_;
};

/// The dashes of a line of a kind.
std::vector<double> dashes_of(std::size_t kind);

/// What surrounds fractions on both axes: outline, grid, ticks, titles; gives where the values go.
struct Frame {
  Box inside;
  Scale x;
  Scale y;
};
Frame square_frame(Canvas& canvas, const std::string& x_axis, const std::string& y_axis);

}  // namespace holisafe::figures
