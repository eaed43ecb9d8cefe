#include "figures/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "figures/draw.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

/// How a kind of box is filled.
struct Look {
  double fill = 1;
  bool rising = false;   ///< lines like /
  bool falling = false;  ///< lines like the other diagonal
  bool level = false;
  bool upright = false;
};
constexpr std::array<Look, box_kinds> looks = {{{1},
                                                {0.62},
                                                {1, true},
                                                {0.2},
                                                {1, false, true},
                                                {0.85, true, true},
                                                {1, false, false, true},
                                                {1, false, false, false, true}}};

constexpr double hatch_step = 3;
const Stroke hatch_stroke{0.4, 0, {}};
const Stroke outline{0.5, 0, {}};

std::vector<Point> corners(const Box& box) {
  return {{box.left, box.top}, {box.right, box.top}, {box.right, box.bottom}, {box.left, box.bottom}};
}

/// Lines across a box, cut at its sides.
/// Every `step` from `first` on, up to `end`.
std::vector<double> places(double first, double end, double step) {
  std::vector<double> out;
  for (int i = 0; first + step * i < end; ++i) out.push_back(first + step * i);
  return out;
}

std::vector<std::vector<Point>> hatch(const Box& box, const Look& look) {
  std::vector<std::vector<Point>> out;
  const double diagonal = hatch_step * std::numbers::sqrt2;
  const double reach = (box.right - box.left) + (box.bottom - box.top);
  if (look.rising) {
    for (const double along : places(diagonal / 2, reach, diagonal)) {
      const double sum = box.left + box.top + along;
      const double from = std::max(box.left, sum - box.bottom);
      const double to = std::min(box.right, sum - box.top);
      out.push_back({{from, sum - from}, {to, sum - to}});
    }
  }
  if (look.falling) {
    for (const double along : places(diagonal / 2, reach, diagonal)) {
      const double difference = box.left - box.bottom + along;
      const double from = std::max(box.left, difference + box.top);
      const double to = std::min(box.right, difference + box.bottom);
      out.push_back({{from, from - difference}, {to, to - difference}});
    }
  }
  if (look.level) {
    for (const double up : places(hatch_step, box.bottom - box.top, hatch_step))
      out.push_back({{box.left, box.bottom - up}, {box.right, box.bottom - up}});
  }
  if (look.upright) {
    for (const double x : places(box.left + hatch_step / 2, box.right, hatch_step))
      out.push_back({{x, box.top}, {x, box.bottom}});
  }
  return out;
}

/// Corners of a regular figure, the first at `turn` from the right.
std::vector<Point> regular(Point centre, int sides, double radius, double turn) {
  std::vector<Point> out;
  for (int i = 0; i < sides; ++i) {
    const double angle = turn + 2 * std::numbers::pi * i / sides;
    out.push_back({centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)});
  }
  return out;
}

constexpr std::array<double, 7> axis_ends = {0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1};

}  // namespace

double axis_end(double value) {
  const auto* const place =
      std::find_if(axis_ends.begin(), axis_ends.end(), [&](double end) { return value <= end; });
  return place == axis_ends.end() ? axis_ends.back() : *place;
}

std::vector<double> axis_ticks(double most) {
  const int steps = most == 0.6 ? 3 : (most == 0.05 || most == 0.1 || most == 1 ? 5 : 4);
  std::vector<double> out;
  for (int i = 0; i <= steps; ++i) out.push_back(most * i / steps);
  return out;
}

std::string tick_text(double fraction) { return fmt::format("{:g}%", std::round(fraction * 1000) / 10); }

std::vector<double> dashes_of(std::size_t kind) {
  static const std::array<std::vector<double>, 4> kinds = {{{}, {4, 2}, {1.2, 1.6}, {5, 1.6, 1.2, 1.6}}};
  return kinds[kind % kinds.size()];
}

Canvas::Canvas(double width, std::string title) {
  out_.width = width;
  out_.title = std::move(title);
}

void Canvas::line(Point from, Point to, const Stroke& stroke) {
  path({.lines = {{from, to}}, .stroke = stroke});
}

void Canvas::box(const Box& box, std::size_t kind, std::string title) {
  const Look& look = looks[kind % box_kinds];
  path({.lines = {corners(box)},
        .closed = true,
        .fill = look.fill,
        .stroke = outline,
        .title = std::move(title)});
  if (auto lines = hatch(box, look); !lines.empty())
    path({.lines = std::move(lines), .stroke = hatch_stroke});
}

void Canvas::mark(Point at, std::size_t kind, std::string title) {
  constexpr double radius = 2.4;
  constexpr double up = -std::numbers::pi / 2;
  constexpr double eighth = std::numbers::pi / 4;
  static constexpr std::array<std::pair<int, double>, mark_kinds / 2> forms = {
      {{16, 0}, {4, eighth}, {3, up}, {4, 0}}};
  const auto& [sides, turn] = forms[kind % forms.size()];
  const bool open = kind / forms.size() % 2 == 1;
  path({.lines = {regular(at, sides, radius, turn)},
        .closed = true,
        .fill = open ? 1.0 : 0.0,
        .stroke = Stroke{0.7, 0, {}},
        .title = std::move(title)});
}

void Canvas::whisker(Point from, Point to, double end) {
  const bool level = from.y == to.y;
  const auto across = [&](Point at) {
    return level ? std::vector<Point>{{at.x, at.y - end}, {at.x, at.y + end}}
                 : std::vector<Point>{{at.x - end, at.y}, {at.x + end, at.y}};
  };
  const std::vector<std::vector<Point>> lines = {{from, to}, across(from), across(to)};
  path({.lines = lines, .stroke = Stroke{1.8, 1, {}}});  // seen over dark boxes, too
  path({.lines = lines, .stroke = Stroke{0.7, 0, {}}});
}

double Canvas::legend(const std::vector<LegendEntry>& entries, double left, double top) {
  constexpr double swatch = 14;
  constexpr double gap = 10;
  double x = left;
  double y = top;
  for (const LegendEntry& entry : entries) {
    const std::string name = fitted(entry.name, text_size, width() - left - swatch - 4);
    const double needed = swatch + 3 + text_width(name, text_size);
    if (x > left && x + needed > width()) {
      x = left;
      y += line_height;
    }
    entry.draw({x, y + 1, x + swatch, y + text_size});
    text({.at = {x + swatch + 3, y + text_size - 0.5}, .text = name});
    x += needed + gap;
  }
  return entries.empty() ? top : y + line_height;
}

Drawing Canvas::finish(double height) {
  out_.height = height;
  return std::move(out_);
}

Frame square_frame(Canvas& canvas, const std::string& x_axis, const std::string& y_axis) {
  const double tick_width = text_width("100%", text_size);
  Frame out;
  out.inside.left = line_height + tick_width + 5;
  out.inside.top = text_size / 2 + 1;
  out.inside.right = canvas.width() - tick_width / 2;
  const double side = out.inside.right - out.inside.left;
  out.inside.bottom = out.inside.top + std::min(side, column_width);
  out.x = {1, out.inside.left, out.inside.right};
  out.y = {1, out.inside.bottom, out.inside.top};
  const Stroke grid{0.4, 0.85, {}};
  for (const double tick : axis_ticks(1)) {
    const double x = out.x.at(tick);
    const double y = out.y.at(tick);
    canvas.line({x, out.inside.top}, {x, out.inside.bottom}, grid);
    canvas.line({out.inside.left, y}, {out.inside.right, y}, grid);
    canvas.text({.at = {x, out.inside.bottom + line_height},
                 .text = tick_text(tick),
                 .anchor = Text::Anchor::middle});
    canvas.text({.at = {out.inside.left - 3, y + text_size * 0.36},
                 .text = tick_text(tick),
                 .anchor = Text::Anchor::end});
  }
  canvas.path({.lines = {corners(out.inside)}, .closed = true, .stroke = Stroke{0.6, 0, {}}});
  canvas.text({.at = {(out.inside.left + out.inside.right) / 2, out.inside.bottom + 2 * line_height + 1},
               .text = fitted(x_axis, text_size, side),
               .anchor = Text::Anchor::middle});
  canvas.text({.at = {text_size, (out.inside.top + out.inside.bottom) / 2},
               .text = fitted(y_axis, text_size, out.inside.bottom - out.inside.top),
               .anchor = Text::Anchor::middle,
               .upright = true});
  return out;
}

}  // namespace holisafe::figures
