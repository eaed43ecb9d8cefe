// An explanation drawn over its picture, for people.
#pragma once

#include <cstddef>
#include <vector>

#include "explain/explanation.h"
#include "image/image.h"

namespace holisafe::explain {

/// The upright picture in its own size. Over it the positive values of all pieces, interpolated between the
/// cells' centres, the larger the stronger and nothing where they are 0: in yellow or in blue, whichever the
/// picture has less of there, on ground that loses its own colour as the map grows stronger. The two differ
/// for everybody, also for those who cannot tell red from green. Around the box a line of black and white
/// dashes; what no piece shows is greyed and striped. The same explanation gives the same picture.
image::Image draw_overlay(const Explanation& explanation, const image::Image& picture);

/// How strong the map is at each pixel of a row, 0 to 1 (the largest value); -1 where no piece shows it.
/// What draw_overlay() draws.
class Strengths {
 public:
  explicit Strengths(const Explanation& explanation);
  /// `out` has the picture's width.
  void row(int y, std::vector<float>& out) const;

 private:
  /// What a pixel takes of an axis's cells: `count` weights from `begin` in `weights`, for cells from
  /// `first`.
  struct Taps {
    std::size_t first = 0;
    std::size_t begin = 0;
    std::size_t count = 0;  ///< 0: outside the frame
  };
  struct Axis {
    std::vector<Taps> pixels;
    std::vector<float> weights;
  };
  struct Layer {
    Axis rows, columns;
    std::size_t width = 0;      ///< of the grid
    std::vector<float> values;  ///< positive ones by the largest
  };
  static Axis axis_of(double from, double cell, std::int64_t cells, int pixels);

  std::vector<Layer> layers_;
};

}  // namespace holisafe::explain
