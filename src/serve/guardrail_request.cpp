// LiteLLM's generic guardrail: its members grow from version to version, so only those that can hold pictures
// are read.
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "serve/content.h"
#include "serve/members.h"
#include "serve/request.h"

namespace holisafe::serve {
namespace {

/// `images`, then what the messages hold beside them, each picture once.
class Reading {
 public:
  explicit Reading(ImageList& images) : images_(images) {}

  Answer<void> list(const Members& request) {
    HOLISAFE_TRY(const auto* found, request.list("images"));
    for (std::size_t i = 0; found != nullptr && i < found->size(); ++i) {
      const std::string param = element_path("images", i);
      if (!(*found)[i].is_string()) return wrong_type(param, "a text", (*found)[i]);
      HOLISAFE_CHECK(add((*found)[i].get_ref<const std::string&>(), param));
    }
    return {};
  }

  Answer<void> messages(const Members& request) {
    HOLISAFE_TRY(const auto* found, request.list("structured_messages"));
    for (std::size_t i = 0; found != nullptr && i < found->size(); ++i) {
      HOLISAFE_TRY(const auto message, Members::of((*found)[i], element_path("structured_messages", i)));
      const Json* content = message.find("content");
      for (std::size_t j = 0; content != nullptr && content->is_array() && j < content->size(); ++j)
        HOLISAFE_CHECK(part((*content)[j], element_path(message.at("content"), j)));
    }
    return {};
  }

 private:
  Answer<void> add(const std::string& url, std::string param) {
    if (std::find(seen_.begin(), seen_.end(), url) != seen_.end()) return {};
    seen_.push_back(url);
    return images_.add(url, std::move(param));
  }

  /// Members beside these are left alone (cache_control and the like); a part of another type may be a
  /// picture.
  Answer<void> part(const Json& value, const std::string& path) {
    if (value.is_string()) return {};
    HOLISAFE_TRY(const auto part, Members::of(value, path));
    HOLISAFE_TRY(const auto* type, part.required_text("type"));
    if (*type == "text" || *type == "refusal") return {};
    if (*type != "image_url")
      return refuse(Code::unsupported_content, fmt::format("{}: expected text or image_url", part.at("type")),
                    part.at("type"));
    HOLISAFE_TRY(const auto* address, part.required("image_url"));
    if (address->is_string()) return add(address->get_ref<const std::string&>(), part.at("image_url"));
    HOLISAFE_TRY(const auto members, Members::of(*address, part.at("image_url")));
    HOLISAFE_TRY(const auto* url, members.required_text("url"));
    return add(*url, members.at("url"));
  }

  ImageList& images_;
  std::vector<std::string_view> seen_;
};

}  // namespace

Answer<GuardrailRequest> read_guardrail(std::string_view body, const RequestLimits& limits) {
  HOLISAFE_TRY(const Json document, parse_body(body));
  HOLISAFE_TRY(const auto request, Members::of(document, ""));
  HOLISAFE_TRY(const auto* type, request.required_text("input_type"));
  GuardrailRequest out;
  out.is_response = *type == "response";
  if (out.is_response) return out;
  if (*type != "request")
    return refuse(Code::invalid_value, "input_type: expected request or response", "input_type");
  ImageList images(limits);
  Reading reading(images);
  HOLISAFE_CHECK(reading.list(request));
  HOLISAFE_CHECK(reading.messages(request));
  out.images = std::move(images).take();
  return out;
}

}  // namespace holisafe::serve
