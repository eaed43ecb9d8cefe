#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "image/codec.h"

// The input stands for a picture's EXIF (a TIFF structure), then for its XMP.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const int turn : {holisafe::image::orientation(text, {}), holisafe::image::orientation({}, text)}) {
    if (turn < 1 || turn > 8) std::abort();
  }
  return 0;
}
