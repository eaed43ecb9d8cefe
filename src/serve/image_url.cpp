// Data URIs (RFC 2397) with canonical base64: two decoders must not read one text as two pictures.
#include <cstddef>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"
#include "image/image.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

constexpr std::string_view scheme = "data:";

bool begins_as(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && ascii_lower(text.substr(0, lower.size())) == lower;
}

bool ends_as(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && ascii_lower(text.substr(text.size() - lower.size())) == lower;
}

/// Of base64 with padding.
std::uint64_t decoded_size(std::string_view base64) {
  const std::uint64_t padding = base64.ends_with("==") ? 2 : base64.ends_with('=') ? 1 : 0;
  return base64.size() / 4 * 3 - (base64.size() < 4 ? 0 : padding);
}

Answer<RequestImage> read_data_uri(std::string_view url, std::string param, const RequestLimits& limits) {
  const auto comma = url.find(',');
  if (comma == std::string_view::npos || !ends_as(url.substr(0, comma), ";base64"))
    return refuse(Code::invalid_image, fmt::format("{}: expected a data URI with base64", param), param);
  const std::string_view text = url.substr(comma + 1);
  if (decoded_size(text) > limits.max_image_bytes)
    return refuse(Code::image_too_large,
                  fmt::format("{}: expected a file of at most {} bytes, found {}", param,
                              limits.max_image_bytes, decoded_size(text)),
                  param);
  auto bytes = from_base64(text);
  if (!bytes)
    return refuse(Code::invalid_image,
                  fmt::format("{}: expected base64 with padding and nothing else in it", param), param);
  if (!image::detect(std::as_bytes(std::span(*bytes))))
    return refuse(Code::invalid_image, fmt::format("{}: expected a JPEG, PNG, WebP or GIF file", param),
                  param);
  RequestImage out;
  out.param = std::move(param);
  out.bytes = std::make_shared<const std::string>(*std::move(bytes));
  return out;
}

}  // namespace

Answer<RequestImage> read_image_url(std::string_view url, std::string param, const RequestLimits& limits) {
  if (begins_as(url, scheme)) return read_data_uri(url, std::move(param), limits);
  if (!limits.fetches_urls)
    return refuse(Code::image_url_not_allowed,
                  fmt::format("{}: expected a data URI with base64: pictures are not fetched", param), param);
  constexpr std::size_t longest = 8192;
  if (url.empty() || url.size() > longest)
    return refuse(Code::image_url_not_allowed,
                  fmt::format("{}: expected an address of at most {} bytes", param, longest), param);
  RequestImage out;
  out.param = std::move(param);
  out.url = url;
  return out;
}

}  // namespace holisafe::serve
