// How the luma of one picture becomes that of another: by a gain, an offset, and a cut.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "image/picture_cut.h"

namespace holisafe::image {

inline constexpr std::size_t fine_side = 48;  ///< samples, of a picture that is looked at closely
inline constexpr std::size_t fine_count = fine_side * fine_side;
using Fine = std::array<float, fine_count>;

float mean_of(const float* samples, std::size_t count);

/// Means, variances and covariance over all samples of one picture, `x`, against another, `y`.
struct Moments {
  float mean_x = 0;
  float mean_y = 0;
  float variance_x = 0;
  float variance_y = 0;
  float covariance = 0;

  Moments(const Fine& x, const Fine& y);
  [[nodiscard]] float correlation() const;
  [[nodiscard]] float gain() const { return variance_x > 0 ? covariance / variance_x : 0; }
};

/// Least squares in six unknowns: gain, offset, and what to add to each side's cut.
class CutStep {
 public:
  /// `cut_picture`: what `cut` leaves of a picture, to become like `target`.
  CutStep(const Fine& cut_picture, const Fine& target, const PictureCut& cut);

  /// The next cut, within what is a cut at all; nothing where the picture does not say. Once.
  std::optional<PictureCut> next(const PictureCut& cut);

 private:
  static constexpr std::size_t unknowns = 6;

  /// Gauss's elimination on the upper triangle: the matrix is symmetric and its pivots positive.
  bool solve(std::array<double, unknowns>& out);

  std::array<std::array<double, unknowns + 1>, unknowns> sums_{};
  double variance_ = 0;
};

}  // namespace holisafe::image
