// Everyday objects.
#include <cmath>
#include <numbers>

#include "synthesis/symbols.h"

namespace holisafe::synthesis {
namespace {
using std::numbers::pi;
constexpr Colour leaf_green{0.25, 0.55, 0.25};
constexpr Colour wood{0.50, 0.34, 0.20};
constexpr Colour glass{0.82, 0.92, 0.97};
}  // namespace

void draw_apple(Pen& pen) {
  cairo_t* c = pen.context();
  pen.line({{0.0, -0.22}, {0.06, -0.45}}, wood, 0.07);
  cairo_new_path(c);
  cairo_move_to(c, 0.0, -0.24);
  cairo_curve_to(c, 0.15, -0.38, 0.46, -0.30, 0.44, 0.02);
  cairo_curve_to(c, 0.42, 0.32, 0.22, 0.50, 0.0, 0.42);
  cairo_curve_to(c, -0.22, 0.50, -0.42, 0.32, -0.44, 0.02);
  cairo_curve_to(c, -0.46, -0.30, -0.15, -0.38, 0.0, -0.24);
  cairo_close_path(c);
  pen.fill_and_outline(pen.main());
  pen.ellipse(0.22, -0.38, 0.13, 0.06, leaf_green);
}

void draw_ball(Pen& pen) {
  pen.circle(0, 0, 0.45, pen.main());
  pen.line({{-0.45, 0}, {0.45, 0}}, white, 0.07);
  pen.arc(-0.62, 0, 0.42, -0.75, 0.75, white, 0.07);
  pen.arc(0.62, 0, 0.42, pi - 0.75, pi + 0.75, white, 0.07);
}

void draw_bread(Pen& pen) {
  cairo_t* c = pen.context();
  cairo_new_path(c);
  cairo_move_to(c, -0.36, 0.42);
  cairo_line_to(c, -0.36, 0.02);
  cairo_curve_to(c, -0.62, -0.12, -0.42, -0.42, 0.0, -0.40);
  cairo_curve_to(c, 0.42, -0.42, 0.62, -0.12, 0.36, 0.02);
  cairo_line_to(c, 0.36, 0.42);
  cairo_close_path(c);
  pen.fill_and_outline(pen.main());
  for (const double x : {-0.17, 0.0, 0.17}) pen.line({{x - 0.05, -0.2}, {x + 0.05, 0.05}}, ink, 0.05);
}

void draw_cup(Pen& pen) {
  pen.arc(0.24, 0.0, 0.18, -pi / 2, pi / 2, pen.main(), 0.07, true);
  pen.polygon({{-0.40, -0.28}, {0.26, -0.28}, {0.18, 0.40}, {-0.32, 0.40}}, pen.main());
  pen.ellipse(-0.07, -0.28, 0.33, 0.09, white);
}

void draw_fish(Pen& pen) {
  pen.polygon({{0.18, 0.0}, {0.47, -0.28}, {0.40, 0.0}, {0.47, 0.28}}, pen.main());
  pen.ellipse(-0.10, 0.0, 0.36, 0.25, pen.main());
  pen.circle(-0.28, -0.06, 0.05, white);
  pen.arc(-0.22, 0.0, 0.18, -0.9, 0.9, ink, 0.04);
}

void draw_flower(Pen& pen) {
  pen.line({{0, 0}, {0, 0.46}}, leaf_green, 0.07, true);
  pen.ellipse(0.15, 0.36, 0.13, 0.06, leaf_green);
  for (int i = 0; i < 5; ++i) {
    const double angle = 2 * pi * i / 5 - pi / 2;
    pen.circle(0.21 * std::cos(angle), -0.14 + 0.21 * std::sin(angle), 0.15, pen.main());
  }
  pen.circle(0, -0.14, 0.11, white);
}

void draw_hat(Pen& pen) {
  pen.box(-0.26, -0.42, 0.52, 0.66, 0.05, pen.main());
  pen.box(-0.47, 0.20, 0.94, 0.15, 0.06, pen.main());
  pen.polygon({{-0.26, 0.04}, {0.26, 0.04}, {0.26, 0.17}, {-0.26, 0.17}}, white);
}

void draw_kite(Pen& pen) {
  pen.line({{0.0, 0.2}, {-0.14, 0.32}, {0.08, 0.38}, {-0.10, 0.48}}, ink, 0.05);
  pen.polygon({{0, -0.48}, {0.34, -0.12}, {0, 0.28}, {-0.34, -0.12}}, pen.main());
  pen.line({{0, -0.48}, {0, 0.28}}, white, 0.05);
  pen.line({{-0.34, -0.12}, {0.34, -0.12}}, white, 0.05);
}

void draw_boat(Pen& pen) {
  pen.line({{0, 0.15}, {0, -0.46}}, wood, 0.06, true);
  pen.polygon({{0.07, -0.42}, {0.07, 0.08}, {0.40, 0.08}}, white);
  pen.polygon({{-0.07, -0.30}, {-0.07, 0.08}, {-0.32, 0.08}}, white);
  pen.polygon({{-0.47, 0.16}, {0.47, 0.16}, {0.30, 0.44}, {-0.30, 0.44}}, pen.main());
}

void draw_candle(Pen& pen) {
  cairo_t* c = pen.context();
  pen.line({{0, -0.12}, {0, -0.24}}, ink, 0.05);
  cairo_new_path(c);
  cairo_move_to(c, 0, -0.49);
  cairo_curve_to(c, 0.17, -0.30, 0.11, -0.18, 0, -0.18);
  cairo_curve_to(c, -0.11, -0.18, -0.17, -0.30, 0, -0.49);
  cairo_close_path(c);
  pen.fill_and_outline({1.0, 0.85, 0.25});
  pen.box(-0.15, -0.10, 0.30, 0.46, 0.03, pen.main());
  pen.box(-0.34, 0.32, 0.68, 0.13, 0.06, white);
}

void draw_car(Pen& pen) {
  pen.polygon({{-0.26, -0.06}, {-0.16, -0.30}, {0.16, -0.30}, {0.30, -0.06}}, pen.main());
  pen.polygon({{-0.15, -0.07}, {-0.10, -0.21}, {0.10, -0.21}, {0.18, -0.07}}, glass);
  pen.box(-0.48, -0.07, 0.96, 0.28, 0.08, pen.main());
  for (const double x : {-0.25, 0.25}) {
    pen.circle(x, 0.22, 0.14, ink);
    pen.circle(x, 0.22, 0.05, white);
  }
}

void draw_clock(Pen& pen) {
  pen.circle(0, 0, 0.45, pen.main());
  pen.circle(0, 0, 0.31, white);
  pen.line({{0, 0}, {0, -0.21}}, ink, 0.07);
  pen.line({{0, 0}, {0.15, 0.08}}, ink, 0.07);
}

void draw_house(Pen& pen) {
  pen.box(-0.34, -0.08, 0.68, 0.54, 0.02, white);
  pen.polygon({{-0.48, -0.06}, {0, -0.47}, {0.48, -0.06}}, pen.main());
  pen.box(-0.09, 0.14, 0.18, 0.32, 0.01, pen.main());
}

void draw_key(Pen& pen) {
  pen.line({{-0.05, 0.0}, {0.44, 0.0}}, pen.main(), 0.10, true);
  pen.line({{0.28, 0.0}, {0.28, 0.19}}, pen.main(), 0.09, true);
  pen.line({{0.43, 0.0}, {0.43, 0.19}}, pen.main(), 0.09, true);
  pen.line({{0.02, 0.0}, {0.43, 0.0}}, pen.main(), 0.10);
  pen.circle(-0.24, 0, 0.24, pen.main());
  pen.circle(-0.27, 0, 0.09, white);
}

void draw_lamp(Pen& pen) {
  pen.line({{0, 0.0}, {0, 0.40}}, wood, 0.07, true);
  pen.box(-0.24, 0.35, 0.48, 0.11, 0.05, wood);
  pen.polygon({{-0.20, -0.46}, {0.20, -0.46}, {0.42, 0.02}, {-0.42, 0.02}}, pen.main());
}

void draw_umbrella(Pen& pen) {
  cairo_t* c = pen.context();
  pen.line({{0, -0.1}, {0, 0.36}}, ink, 0.06);
  pen.arc(-0.09, 0.36, 0.09, 0, pi, ink, 0.06);
  cairo_new_path(c);
  cairo_arc(c, 0, 0.02, 0.47, pi, 2 * pi);
  for (int i = 2; i >= 0; --i) cairo_arc_negative(c, -0.313 + 0.313 * i, 0.02, 0.157, 0, pi);
  cairo_close_path(c);
  pen.fill_and_outline(pen.main());
}

}  // namespace holisafe::synthesis
