// What each decoder's fuzz target does: decode within small limits, then resize as a processor would.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "image/image.h"
#include "image/resize.h"

namespace holisafe::image {

inline int fuzz_decode(Format format, const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto found = detect(bytes);
  if (!found || *found != format) return -1;  // not worth keeping
  DecodeOptions options;
  options.limits.pixels = std::uint64_t{1} << 20;
  options.alpha = size % 2 == 0 ? Alpha::white : Alpha::drop;
  if (const auto image = decode(bytes, options, "fuzz")) {
    static_cast<void>(resize(*image, 14, 28, Filter::bicubic));
    static_cast<void>(pad_to_square(
        crop(*image, -1, -1, std::min(image->width, 64), std::min(image->height, 64)), {1, 2, 3}));
  }
  return 0;
}

}  // namespace holisafe::image
