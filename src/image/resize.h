// Changing a picture's size and frame with exactly Pillow's integer arithmetic (its libImaging/Resample.c and
// Geometry.c).
#pragma once

#include <array>
#include <cstdint>

#include "image/image.h"

namespace holisafe::image {

enum class Filter { nearest, box, bilinear, bicubic, lanczos };

/// Image.resize((width, height), filter) of Pillow 13, to the bit. Width and height must be positive, the
/// image not empty.
Image resize(const Image& image, int width, int height, Filter filter);

/// Image.crop((left, top, left + width, top + height)): what lies outside the picture is black.
Image crop(const Image& image, int left, int top, int width, int height);

/// Where a picture's shorter side of `length` pixels begins on a square of `side`.
constexpr int offset_on_square(int side, int length) { return (side - length) / 2; }

/// The picture centred on a square of its longer side filled with `colour`, as LLaVA's expand2square places
/// it: at offset_on_square().
Image pad_to_square(const Image& image, std::array<std::uint8_t, 3> colour);

/// The picture turned upright: EXIF orientation 1-8; any other value changes nothing.
Image upright(Image image, int orientation);

}  // namespace holisafe::image
