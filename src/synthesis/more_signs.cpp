// Signs that stand for self-harm, violence, sexual content and specialised advice (classes 10 to 19).
#include <cmath>
#include <numbers>

#include "synthesis/symbols.h"

namespace holisafe::synthesis {
namespace {
using std::numbers::pi;
constexpr Colour steel{0.80, 0.83, 0.88};
constexpr Colour spark{1.0, 0.80, 0.20};

/// Points on two circles in turn, as one closed outline.
void star(Pen& pen, int points, double outer, double inner, Colour fill) {
  cairo_t* c = pen.context();
  cairo_new_path(c);
  for (int i = 0; i < 2 * points; ++i) {
    const double radius = i % 2 == 0 ? outer : inner;
    const double angle = pi * i / points - pi / 2;
    cairo_line_to(c, radius * std::cos(angle), radius * std::sin(angle));
  }
  cairo_close_path(c);
  pen.fill_and_outline(fill);
}
}  // namespace

void draw_bandage(Pen& pen) {
  cairo_t* c = pen.context();
  for (const double angle : {pi / 4, -pi / 4}) {
    cairo_save(c);
    cairo_rotate(c, angle);
    pen.box(-0.48, -0.15, 0.96, 0.30, 0.14, pen.main());
    cairo_restore(c);
  }
  pen.box(-0.13, -0.13, 0.26, 0.26, 0.02, white);
}

void draw_broken_heart(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_new_path(c);
  cairo_move_to(c, 0, 0.46);
  cairo_curve_to(c, -0.62, 0.08, -0.50, -0.42, -0.22, -0.42);
  cairo_curve_to(c, -0.10, -0.42, -0.03, -0.34, 0, -0.26);
  cairo_curve_to(c, 0.03, -0.34, 0.10, -0.42, 0.22, -0.42);
  cairo_curve_to(c, 0.50, -0.42, 0.62, 0.08, 0, 0.46);
  cairo_close_path(c);
  pen.fill_and_outline(pen.main());
  pen.line({{0, -0.27}, {0.12, -0.10}, {-0.10, 0.04}, {0.08, 0.20}, {0, 0.44}}, white, 0.09, true);
}

void draw_paw(Pen& pen) {
  pen.ellipse(0, 0.20, 0.27, 0.24, pen.main());
  pen.ellipse(-0.36, -0.06, 0.10, 0.13, pen.main());
  pen.ellipse(-0.14, -0.29, 0.10, 0.15, pen.main());
  pen.ellipse(0.14, -0.29, 0.10, 0.15, pen.main());
  pen.ellipse(0.36, -0.06, 0.10, 0.13, pen.main());
}

void draw_hand(Pen& pen) {
  const double tops[] = {-0.30, -0.42, -0.44, -0.34};
  for (int i = 0; i < 4; ++i) {
    const double x = -0.28 + 0.16 * i;
    pen.box(x, tops[i], 0.14, 0.5, 0.06, pen.main());
  }
  pen.line({{0.20, 0.22}, {0.42, -0.02}}, pen.main(), 0.13, true);
  pen.box(-0.28, -0.02, 0.62, 0.48, 0.14, pen.main());
}

void draw_clash(Pen& pen) {
  star(pen, 9, 0.49, 0.28, pen.main());
  star(pen, 9, 0.24, 0.13, white);
}

void draw_bomb(Pen& pen) {
  pen.arc(0.30, -0.18, 0.18, pi, 1.6 * pi, ink, 0.06);
  pen.circle(-0.06, 0.12, 0.34, ink);
  pen.box(0.06, -0.27, 0.16, 0.15, 0.02, pen.main());
  pen.circle(-0.16, 0.02, 0.08, pen.main());
  for (int i = 0; i < 5; ++i) {
    const double angle = 2 * pi * i / 5;
    pen.line({{0.37, -0.36}, {0.37 + 0.12 * std::cos(angle), -0.36 + 0.12 * std::sin(angle)}}, spark, 0.05);
  }
}

void draw_sword(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_save(c);
  cairo_rotate(c, pi / 4);
  pen.polygon({{-0.07, 0.16}, {-0.07, -0.46}, {0, -0.60}, {0.07, -0.46}, {0.07, 0.16}}, steel);
  pen.box(-0.06, 0.20, 0.12, 0.36, 0.04, pen.main());
  pen.box(-0.24, 0.14, 0.48, 0.11, 0.04, pen.main());
  cairo_restore(c);
}

void draw_lips(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_new_path(c);
  cairo_move_to(c, -0.48, 0.0);
  cairo_curve_to(c, -0.26, -0.34, -0.12, -0.30, 0, -0.20);
  cairo_curve_to(c, 0.12, -0.30, 0.26, -0.34, 0.48, 0.0);
  cairo_curve_to(c, 0.20, 0.42, -0.20, 0.42, -0.48, 0.0);
  cairo_close_path(c);
  pen.fill_and_outline(pen.main());
  cairo_new_path(c);
  cairo_move_to(c, -0.34, 0.01);
  cairo_curve_to(c, -0.12, -0.10, 0.12, -0.10, 0.34, 0.01);
  cairo_curve_to(c, 0.12, 0.14, -0.12, 0.14, -0.34, 0.01);
  cairo_close_path(c);
  pen.fill_and_outline(white);
}

void draw_coin(Pen& pen) {
  cairo_t* c = pen.context();
  pen.circle(0, 0, 0.46, pen.main());
  cairo_new_path(c);
  cairo_move_to(c, 0.17, -0.16);
  cairo_curve_to(c, 0.10, -0.30, -0.20, -0.28, -0.18, -0.12);
  cairo_curve_to(c, -0.16, 0.02, 0.18, -0.02, 0.18, 0.13);
  cairo_curve_to(c, 0.18, 0.28, -0.12, 0.28, -0.18, 0.15);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_set_line_width(c, 0.09);
  pen.touch(0.09);
  cairo_stroke(c);
  pen.line({{0, -0.34}, {0, 0.34}}, white, 0.07);
}

void draw_medicine_box(Pen& pen) {
  pen.arc(0, -0.26, 0.16, pi, 2 * pi, ink, 0.08);
  pen.box(-0.46, -0.26, 0.92, 0.68, 0.08, pen.main());
  pen.line({{0, -0.08}, {0, 0.26}}, white, 0.15);
  pen.line({{-0.17, 0.09}, {0.17, 0.09}}, white, 0.15);
}

}  // namespace holisafe::synthesis
