#include <cstdint>
#include <cstdlib>
#include <span>

#include "image/image.h"
#include "image/plain.h"

// A file that is plain looks the same with its transparency and without.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe::image;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  if (!is_plain(bytes)) return 0;
  DecodeOptions options;
  options.limits.pixels = std::uint64_t{1} << 20;
  const auto shown = decode(bytes, options);
  options.alpha = Alpha::drop;
  const auto dropped = decode(bytes, options);
  if (shown.has_value() != dropped.has_value()) std::abort();
  if (shown && shown->rgb != dropped->rgb) std::abort();
  return 0;
}
