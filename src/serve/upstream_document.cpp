#include "serve/upstream_document.h"

#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "image/plain.h"

namespace holisafe::serve {
namespace {

std::string data_uri(std::string_view mime_type, std::string_view bytes) {
  return base64(std::as_bytes(std::span(bytes))).insert(0, fmt::format("data:{};base64,", mime_type));
}

Answer<std::string> uri_of(const RequestImage& image, UpstreamImages images,
                           const image::DecodeOptions& decode) {
  if (image.bytes == nullptr)
    return refuse(Code::internal_error, "an image of the request was not read", image.param);
  const auto bytes = std::as_bytes(std::span(*image.bytes));
  const auto format = image::detect(bytes);
  if (!format)
    return refuse(Code::invalid_image, "the image is none of JPEG, PNG, WebP and GIF", image.param);
  const bool as_it_is =
      images == UpstreamImages::sent || (images == UpstreamImages::automatic && image::is_plain(bytes));
  if (as_it_is) return data_uri(image::mime_type(*format), *image.bytes);
  const auto pixels = image::decode(bytes, decode);
  if (!pixels) {
    const bool large = pixels.error().kind == ErrorKind::too_large;
    return refuse(large ? Code::image_too_large : Code::invalid_image, "the image cannot be decoded",
                  image.param);
  }
  const auto png = image::encode_png(*pixels);
  if (!png) return refuse(Code::internal_error, "the image cannot be passed on", image.param);
  return data_uri(image::mime_type(image::Format::png), *png);
}

/// The elements of a member that is a list; of what is none, nothing.
const Json& list_in(const Json& object, const char* name) {
  static const Json none = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

/// Parts of a document's messages that hold an image's URL; a member that is null holds none.
std::size_t image_parts(const Json& document) {
  std::size_t out = 0;
  for (const Json& message : list_in(document, "messages")) {
    for (const Json& part : list_in(message, "content")) {
      const auto found = part.find("image_url");
      out += found != part.end() && !found->is_null() ? 1 : 0;
    }
  }
  return out;
}

}  // namespace

Answer<std::string> upstream_document(const ChatRequest& request, UpstreamImages images,
                                      const image::DecodeOptions& decode) {
  // What was not judged must not go up, whatever the reader of requests let through.
  if (image_parts(request.document) != request.images.size())
    return refuse(Code::internal_error, "an image of the request was not judged");
  std::vector<std::string> uris;
  for (const RequestImage& image : request.images) {
    auto uri = uri_of(image, images, decode);
    if (!uri) return tl::unexpected<Fault>(std::move(uri).error());
    uris.push_back(*std::move(uri));
  }
  return text_with_images(request, uris);
}

}  // namespace holisafe::serve
