// Colours as a vision tower takes them, with the roundings of the reference (transformers' image processors
// on Pillow).
#pragma once

#include <array>

#include "image/image.h"
#include "image/resize.h"
#include "models/config_fields.h"
#include "nn/tensor.h"

namespace holisafe::models {

/// The fields all image processors share.
struct Normalization {
  double rescale_factor = 1.0 / 255.0;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
  image::Filter filter = image::Filter::bicubic;
};

/// The value of every 8-bit level of every channel: (level x rescale_factor - mean) / std, the product in
/// float64 rounded to float32, the rest in float32.
using Levels = std::array<std::array<float, 256>, 3>;
Levels levels(const Normalization& normalization);

/// A picture's values by these levels, f32 [3, height, width].
torch::Tensor to_tensor(const image::Image& image, const Levels& levels);

/// rescale_factor, image_mean, image_std, resample, and do_resize, do_rescale, do_normalize where they change
/// these. Problems kept in the fields: wrong_type, unsupported (do_resize false, an unknown filter),
/// out_of_range (a deviation of 0).
Normalization parse_normalization(const ConfigFields& fields, Normalization fallback);

}  // namespace holisafe::models
