#include "synthesis/pen.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace holisafe::synthesis {

void Pen::touch(double width) {
  if (cairo_has_current_point(context_) == 0) return;
  // A pen is round: under the transformation an ellipse, which reaches so far from the path in x and in y.
  cairo_matrix_t matrix;
  cairo_get_matrix(context_, &matrix);
  const double across = width / 2 * std::hypot(matrix.xx, matrix.xy);
  const double down = width / 2 * std::hypot(matrix.yx, matrix.yy);
  Extents path;
  cairo_save(context_);
  cairo_identity_matrix(context_);
  cairo_path_extents(context_, &path.left, &path.top, &path.right, &path.bottom);
  cairo_restore(context_);
  extents_.left = std::min(extents_.left, path.left - across);
  extents_.top = std::min(extents_.top, path.top - down);
  extents_.right = std::max(extents_.right, path.right + across);
  extents_.bottom = std::max(extents_.bottom, path.bottom + down);
}

void Pen::fill_and_outline(Colour fill) {
  touch(0.05);
  source(fill);
  cairo_fill_preserve(context_);
  source(ink);
  cairo_set_line_width(context_, 0.05);
  cairo_stroke(context_);
}

void Pen::ellipse(double x, double y, double radius_x, double radius_y, Colour fill) {
  cairo_save(context_);
  cairo_translate(context_, x, y);
  cairo_scale(context_, radius_x, radius_y);
  cairo_new_path(context_);
  cairo_arc(context_, 0, 0, 1, 0, 2 * std::numbers::pi);
  cairo_close_path(context_);
  cairo_restore(context_);
  fill_and_outline(fill);
}

void Pen::box(double x, double y, double width, double height, double radius, Colour fill) {
  constexpr double quarter = std::numbers::pi / 2;
  cairo_new_path(context_);
  cairo_arc(context_, x + width - radius, y + radius, radius, -quarter, 0);
  cairo_arc(context_, x + width - radius, y + height - radius, radius, 0, quarter);
  cairo_arc(context_, x + radius, y + height - radius, radius, quarter, 2 * quarter);
  cairo_arc(context_, x + radius, y + radius, radius, 2 * quarter, 3 * quarter);
  cairo_close_path(context_);
  fill_and_outline(fill);
}

void Pen::polygon(std::initializer_list<std::pair<double, double>> points, Colour fill) {
  cairo_new_path(context_);
  for (const auto& [x, y] : points) cairo_line_to(context_, x, y);
  cairo_close_path(context_);
  fill_and_outline(fill);
}

void Pen::line(std::initializer_list<std::pair<double, double>> points, Colour colour, double width,
               bool edge) {
  cairo_new_path(context_);
  for (const auto& [x, y] : points) cairo_line_to(context_, x, y);
  stroke(colour, width, edge);
}

void Pen::arc(double x, double y, double radius, double from, double to, Colour colour, double width,
              bool edge) {
  cairo_new_path(context_);
  cairo_arc(context_, x, y, radius, from, to);
  stroke(colour, width, edge);
}

void Pen::stroke(Colour colour, double width, bool edge) {
  touch(edge ? width + 0.07 : width);
  if (edge) {
    source(ink);
    cairo_set_line_width(context_, width + 0.07);
    cairo_stroke_preserve(context_);
  }
  source(colour);
  cairo_set_line_width(context_, width);
  cairo_stroke(context_);
  cairo_set_line_width(context_, 0.05);
}

}  // namespace holisafe::synthesis
