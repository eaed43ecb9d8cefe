// From a chart to a figure for paper: black on white, told apart without colour.
//
//   const Drawing figure = draw(chart, column_width);
//   write_file_atomic("rates.svg", svg(figure));
//   HOLISAFE_TRY(const std::string bytes, pdf(figure));
#pragma once

#include <string>

#include "base/result.h"
#include "figures/chart.h"
#include "figures/drawing.h"

namespace holisafe::figures {

/// Widths of a column and of a page of two columns, in points.
inline constexpr double column_width = 3.33 * 72;
inline constexpr double page_width = 6.9 * 72;

/// The same chart and width give the same figure, whatever fonts the machine has.
Drawing draw(const Chart& chart, double width);

/// An SVG 1.1 document of one element, with text as text. What XML forbids or would turn text round stands as
/// an escape (base/text.h's visible()). Fits into HTML as it is.
std::string svg(const Drawing& drawing);

/// A PDF of one page with its font embedded, without the time of making: the same drawing gives the same
/// bytes. Errors: internal (Cairo's words), out_of_memory.
Result<std::string> pdf(const Drawing& drawing);

}  // namespace holisafe::figures
