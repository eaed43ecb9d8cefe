// Where what a model looked at lies in a picture.
#pragma once

#include <cstdint>

namespace holisafe::image {

/// A grid of cells, one a visual token, in pixels of the upright picture: a box that may have fractions and
/// reach outside the picture; its cells divide it evenly.
struct Frame {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  [[nodiscard]] double cell_width() const { return (right - left) / static_cast<double>(columns); }
  [[nodiscard]] double cell_height() const { return (bottom - top) / static_cast<double>(rows); }
};

}  // namespace holisafe::image
