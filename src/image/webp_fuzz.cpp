#include "image/fuzz_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return holisafe::image::fuzz_decode(holisafe::image::Format::webp, data, size);
}
