// A thin layer over Cairo for drawing symbols in a unit square: x to the right and y down, both from -0.5 to
// 0.5.
#pragma once

#include <initializer_list>
#include <limits>
#include <utility>

#include <cairo.h>

namespace holisafe::synthesis {

/// 0 to 1 each.
struct Colour {
  double red = 0;
  double green = 0;
  double blue = 0;
};

/// What was drawn on, in the canvas's own pixels; nothing yet where left is beyond right.
struct Extents {
  double left = std::numeric_limits<double>::infinity();
  double top = std::numeric_limits<double>::infinity();
  double right = -std::numeric_limits<double>::infinity();
  double bottom = -std::numeric_limits<double>::infinity();
};

inline constexpr Colour white{1, 1, 1};
inline constexpr Colour ink{0.10, 0.10, 0.14};

/// Draws outlined shapes: each is filled with its colour and stroked in ink. Borrows the Cairo context. Not
/// thread-safe.
class Pen {
 public:
  Pen(cairo_t* context, Colour main) : context_(context), main_(main) {
    cairo_set_line_width(context_, 0.05);
    cairo_set_line_join(context_, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(context_, CAIRO_LINE_CAP_ROUND);
  }

  /// The colour the symbol is said to have.
  [[nodiscard]] Colour main() const { return main_; }

  void ellipse(double x, double y, double radius_x, double radius_y, Colour fill);
  void circle(double x, double y, double radius, Colour fill) { ellipse(x, y, radius, radius, fill); }
  /// Corner at (x, y), corners rounded by `radius`.
  void box(double x, double y, double width, double height, double radius, Colour fill);
  void polygon(std::initializer_list<std::pair<double, double>> points, Colour fill);
  /// An open stroke of the given width with an ink edge around it when `edge`.
  void line(std::initializer_list<std::pair<double, double>> points, Colour stroke, double width = 0.05,
            bool edge = false);
  /// Part of a circle's edge, angles in radians clockwise from the right.
  void arc(double x, double y, double radius, double from, double to, Colour stroke, double width = 0.05,
           bool edge = false);

  /// For shapes of curves: the path is made on context(), then finished here.
  [[nodiscard]] cairo_t* context() const { return context_; }
  void fill_and_outline(Colour fill);
  /// The same for a path that is then stroked on context() with this width.
  void touch(double width);

  /// Of all that was drawn: paths with the strokes around them, through the transformation.
  [[nodiscard]] const Extents& extents() const { return extents_; }

 private:
  void stroke(Colour colour, double width, bool edge);
  void source(Colour colour) { cairo_set_source_rgb(context_, colour.red, colour.green, colour.blue); }

  cairo_t* context_;
  Colour main_;
  Extents extents_;
};

}  // namespace holisafe::synthesis
