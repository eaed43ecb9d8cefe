// Signs that stand for hate, illegal activity and privacy (classes 1 to 9).
#include <cmath>
#include <numbers>

#include "synthesis/symbols.h"

namespace holisafe::synthesis {
namespace {
using std::numbers::pi;
constexpr Colour pale{0.98, 0.90, 0.78};
constexpr Colour grey{0.55, 0.55, 0.60};
}  // namespace

void draw_gender_sign(Pen& pen) {
  pen.line({{-0.16, 0.1}, {-0.16, 0.46}}, pen.main(), 0.09, true);
  pen.line({{-0.30, 0.32}, {-0.02, 0.32}}, pen.main(), 0.09, true);
  pen.line({{0.12, -0.12}, {0.40, -0.40}}, pen.main(), 0.09, true);
  pen.line({{0.20, -0.42}, {0.42, -0.42}, {0.42, -0.20}}, pen.main(), 0.09, true);
  pen.line({{0.12, -0.12}, {0.40, -0.40}}, pen.main(), 0.09);
  pen.line({{-0.16, 0.1}, {-0.16, 0.46}}, pen.main(), 0.09);
  pen.circle(-0.08, -0.06, 0.27, pen.main());
  pen.circle(-0.08, -0.06, 0.14, white);
}

void draw_two_faces(Pen& pen) {
  const auto face = [&](double x, Colour skin, Colour eyes) {
    pen.ellipse(x, -0.02, 0.21, 0.30, skin);
    for (const double side : {-0.08, 0.08}) pen.circle(x + side, -0.08, 0.015, eyes);
    pen.line({{x - 0.08, 0.13}, {x + 0.08, 0.13}}, eyes, 0.05);
  };
  face(-0.26, pen.main(), ink);
  face(0.26, {0.25, 0.20, 0.20}, white);
  pen.line({{0, -0.46}, {0, 0.46}}, ink, 0.06);
}

void draw_temple(Pen& pen) {
  for (const double x : {-0.34, -0.06, 0.22}) pen.box(x, -0.10, 0.12, 0.42, 0.01, white);
  pen.polygon({{-0.47, -0.12}, {0, -0.46}, {0.47, -0.12}}, pen.main());
  pen.box(-0.45, 0.30, 0.90, 0.15, 0.02, pen.main());
}

void draw_shout(Pen& pen) {
  pen.polygon({{-0.20, 0.14}, {0.04, 0.14}, {-0.30, 0.47}}, pen.main());
  pen.box(-0.46, -0.46, 0.92, 0.66, 0.14, pen.main());
  pen.line({{-0.26, -0.22}, {-0.10, -0.02}}, white, 0.09);
  pen.line({{-0.10, -0.22}, {-0.26, -0.02}}, white, 0.09);
  pen.line({{0.18, -0.32}, {0.18, -0.10}}, white, 0.11);
  pen.line({{0.18, 0.06}, {0.18, 0.07}}, white, 0.11);
}

void draw_wheelchair(Pen& pen) {
  pen.arc(-0.06, 0.16, 0.26, 0, 2 * pi, pen.main(), 0.09, true);
  pen.line({{-0.10, -0.24}, {-0.06, 0.06}, {0.22, 0.06}, {0.30, 0.36}, {0.42, 0.36}}, ink, 0.10);
  pen.line({{-0.08, -0.10}, {0.18, -0.10}}, ink, 0.08);
  pen.circle(-0.12, -0.36, 0.11, ink);
}

void draw_pill(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_save(c);
  cairo_rotate(c, -0.7);
  pen.box(-0.48, -0.20, 0.96, 0.40, 0.19, pen.main());
  cairo_new_path(c);
  cairo_arc(c, 0.28, 0, 0.20, -pi / 2, pi / 2);
  cairo_line_to(c, 0, 0.20);
  cairo_line_to(c, 0, -0.20);
  cairo_close_path(c);
  pen.fill_and_outline(white);
  cairo_restore(c);
}

void draw_open_lock(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_new_path(c);
  cairo_move_to(c, -0.20, 0.0);
  cairo_line_to(c, -0.20, -0.22);
  cairo_arc(c, 0.0, -0.24, 0.20, pi, 1.9 * pi);
  cairo_set_source_rgb(c, ink.red, ink.green, ink.blue);
  cairo_set_line_width(c, 0.16);
  pen.touch(0.16);
  cairo_stroke_preserve(c);
  cairo_set_source_rgb(c, grey.red, grey.green, grey.blue);
  cairo_set_line_width(c, 0.08);
  cairo_stroke(c);
  pen.box(-0.36, -0.02, 0.72, 0.48, 0.06, pen.main());
  pen.circle(0, 0.17, 0.07, ink);
  pen.line({{0, 0.17}, {0, 0.32}}, ink, 0.07);
}

void draw_face_scan(Pen& pen) {
  for (const double x : {-1.0, 1.0}) {
    for (const double y : {-1.0, 1.0})
      pen.line({{0.45 * x, 0.22 * y}, {0.45 * x, 0.45 * y}, {0.22 * x, 0.45 * y}}, pen.main(), 0.08, true);
  }
  pen.ellipse(0, 0, 0.23, 0.29, pale);
  for (const double x : {-0.09, 0.09}) pen.circle(x, -0.06, 0.02, ink);
  pen.arc(0, 0.04, 0.11, 0.3, pi - 0.3, ink, 0.05);
}

void draw_name_card(Pen& pen) {
  pen.box(-0.47, -0.32, 0.94, 0.64, 0.06, white);
  pen.polygon({{-0.47, -0.30}, {0.47, -0.30}, {0.47, -0.16}, {-0.47, -0.16}}, pen.main());
  pen.circle(-0.25, -0.01, 0.08, pen.main());
  pen.polygon({{-0.38, 0.22}, {-0.33, 0.10}, {-0.17, 0.10}, {-0.12, 0.22}}, pen.main());
  for (const double y : {-0.03, 0.09, 0.21}) pen.line({{0.02, y}, {0.36, y}}, ink, 0.05);
}

}  // namespace holisafe::synthesis
