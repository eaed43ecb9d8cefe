// POST /v1/moderations: pictures, with texts that are not judged.
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "serve/content.h"
#include "serve/members.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

/// A text, or a part text or image_url.
Answer<void> read_input(const Json& value, const std::string& path, ImageList& images) {
  if (value.is_string()) return {};
  if (!value.is_object()) return wrong_type(path, "a text or a part", value);
  HOLISAFE_TRY(const auto part, Members::of(value, path));
  HOLISAFE_TRY(const auto* type, part.required_text("type"));
  if (*type == "text") {
    HOLISAFE_CHECK(only_content(part, {"type", "text"}));
    HOLISAFE_CHECK(part.required_text("text"));
    return {};
  }
  if (*type != "image_url")
    return refuse(Code::unsupported_content, fmt::format("{}: expected text or image_url", part.at("type")),
                  part.at("type"));
  HOLISAFE_TRY(auto address, image_address(part));
  return images.add(address.url, std::move(address.param));
}

}  // namespace

Answer<ModerationRequest> read_moderation(std::string_view body, const RequestLimits& limits) {
  HOLISAFE_TRY(const Json document, parse_body(body));
  HOLISAFE_TRY(const auto request, Members::of(document, ""));
  HOLISAFE_CHECK(only_parameters(request, {"input", "model"}));
  ModerationRequest out;
  HOLISAFE_TRY(const auto* model, request.text("model"));
  if (model != nullptr) out.model = *model;
  HOLISAFE_TRY(const auto* input, request.required("input"));
  if (!input->is_string() && !input->is_array())
    return wrong_type("input", "a text, or a list of texts or parts", *input);
  ImageList images(limits);
  for (std::size_t i = 0; input->is_array() && i < input->size(); ++i)
    HOLISAFE_CHECK(read_input((*input)[i], element_path("input", i), images));
  out.images = std::move(images).take();
  if (out.images.empty())
    return refuse(Code::no_image, "input: expected an image: texts are not judged", "input");
  return out;
}

}  // namespace holisafe::serve
