// A figure as lines and texts in places: what draw() makes of a chart, and SVG and PDF are written from.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace holisafe::figures {

/// In points (1/72 inch) from the upper left corner, x to the right, y down.
struct Point {
  double x = 0;
  double y = 0;
};

/// Greys go from 0, black, to 1, white.
struct Stroke {
  double width = 0.6;
  double grey = 0;
  std::vector<double> dashes = {};  ///< lengths on and off in turn; empty: a whole line
};

/// Straight lines through points. Filled first, then stroked.
struct Path {
  std::vector<std::vector<Point>> lines;
  bool closed = false;
  std::optional<double> fill = {};  ///< grey
  std::optional<Stroke> stroke = {};
  std::string title = {};  ///< what it stands for, with its numbers; may be empty
};

/// One line of text, its anchor on the base line.
struct Text {
  enum class Anchor { start, middle, end };
  Point at;
  std::string text;
  double size = 7;
  Anchor anchor = Anchor::start;
  bool bold = false;
  bool upright = false;  ///< turned to read from below
};

struct Drawing {
  double width = 0;
  double height = 0;
  std::string title;  ///< not drawn: what a reader hears, and the title of a PDF
  std::vector<std::variant<Path, Text>> shapes;
};

}  // namespace holisafe::figures
