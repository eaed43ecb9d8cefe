// Whether two pictures are one: re-encoded, resized, stretched, brighter or darker, grey, blurred, cut or
// mirrored, but not recoloured, moved, or another of the same kind. Decided on pixels.
//
//   if (same_picture(a.sketch, b.sketch)) …
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "image/pixel_sketch.h"

namespace holisafe::image {

/// A sketch made ready to be compared with many others; about 40 KB. Needs the sketch no more.
class ComparablePicture {
 public:
  explicit ComparablePicture(const PixelSketch& sketch);

  [[nodiscard]] bool grey() const { return grey_; }          ///< without colour, but for noise
  [[nodiscard]] bool one_luma() const { return one_luma_; }  ///< nothing to see in luma, but for noise

 private:
  friend class Comparison;
  static constexpr std::size_t coarse_side = 24;
  using Coarse = std::array<float, coarse_side * coarse_side>;

  float aspect_;
  float mean_luma_ = 0;
  bool grey_ = false;
  bool one_luma_ = false;
  std::vector<float> luma_;  ///< 64 x 64, slightly blurred
  std::vector<float> blue_;  ///< 24 x 24, as in PixelSketch
  std::vector<float> red_;
  std::vector<Coarse> cuts_;  ///< the picture and its usual cuts, mean 0 and length 1
  Coarse mirrored_{};         ///< the picture mirrored
};

/// What a comparison found: whether the two are one, and the figures that say so.
struct Agreement {
  bool same = false;
  bool across_grey = false;  ///< the same but for one having no colour: another colouring would look the same
  bool mirrored = false;
  float correlation = 0;  ///< of luma, gain and offset taken out, -1 to 1
  float gain = 0;         ///< of one's luma over the other's
  float worst_tile = 0;   ///< what is left over at the worst place, as a share of what is to be seen there
  float fourth_tile = 0;  ///< the same where it is worst but for three
  float unexplained = 0;  ///< the same of all places together
  float recoloured = 0;   ///< share of the area whose colour differs
  float luma_difference = 0;  ///< root mean square, gain and offset left in
};

/// Symmetric, and the same for the same sketches whatever was compared before. Thread-safe.
Agreement compare(const ComparablePicture& a, const ComparablePicture& b);

/// One comparison of two sketches.
bool same_picture(const PixelSketch& a, const PixelSketch& b);

}  // namespace holisafe::image
