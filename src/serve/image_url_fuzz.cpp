#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/hash.h"
#include "serve/request.h"

// The input is an image's url. Bytes that come out are those of the one base64 text that stands in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe;
  const std::string_view url(reinterpret_cast<const char*>(data), size);
  serve::RequestLimits limits;
  limits.max_image_bytes = 64;
  const auto found = serve::read_image_url(url, "u", limits);
  if (!found) return found.error().param == "u" ? 0 : (std::abort(), 0);
  if (found->bytes == nullptr || found->bytes->size() > limits.max_image_bytes) std::abort();
  const auto comma = url.find(',');
  if (url.substr(comma + 1) != base64(std::as_bytes(std::span(*found->bytes)))) std::abort();
  return 0;
}
