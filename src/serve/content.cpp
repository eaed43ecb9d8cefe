#include "serve/content.h"

#include <fmt/format.h>

namespace holisafe::serve {
namespace {

/// A detail says how much of a picture a model looks at; no model here makes a difference.
Answer<void> check_detail(const Members& address) {
  HOLISAFE_TRY(const auto* detail, address.text("detail"));
  if (detail == nullptr || *detail == "auto" || *detail == "low" || *detail == "high") return {};
  return refuse(Code::invalid_value, fmt::format("{}: expected auto, low or high", address.at("detail")),
                address.at("detail"));
}

Answer<std::string_view> text_in(const Members& part, std::string_view name) {
  HOLISAFE_CHECK(only_content(part, {"type", name}));
  HOLISAFE_TRY(const auto* text, part.required_text(name));
  return std::string_view(*text);
}

Answer<ContentPart> read_part(const Json& value, std::size_t index, const ContentPlace& place,
                              ImageList& images) {
  HOLISAFE_TRY(const auto part, Members::of(value, element_path(place.path, index)));
  HOLISAFE_TRY(const auto* type, part.required_text("type"));
  if (*type == "text" || (*type == "refusal" && place.refusals)) {
    HOLISAFE_TRY(const auto text, text_in(part, *type));
    return ContentPart(text);
  }
  // input_audio too: some servers look into its bytes and take a picture for one.
  if (*type != "image_url")
    return refuse(Code::unsupported_content, fmt::format("{}: expected text or image_url", part.at("type")),
                  part.at("type"));
  HOLISAFE_TRY(auto address, image_address(part));
  HOLISAFE_CHECK(images.add(address.url, std::move(address.param), place.message, index));
  return ContentPart(images.images().size() - 1);
}

Answer<bool> mode_blocks(const Members& policy, std::string_view side) {
  HOLISAFE_TRY(const auto found, policy.object(side));
  if (!found) return false;
  HOLISAFE_CHECK(only_parameters(*found, {"mode"}));
  HOLISAFE_TRY(const auto* mode, found->text("mode"));
  if (mode == nullptr || *mode == "score") return false;
  if (*mode != "block")
    return refuse(Code::invalid_value, fmt::format("{}: expected score or block", found->at("mode")),
                  found->at("mode"));
  return true;
}

/// {model, policy?: {input?: {mode}, output?: {mode}}}. What is unknown here may ask for more than would be
/// done.
Answer<void> read_moderation_wish(const Members& request, ChatRequest& out) {
  HOLISAFE_TRY(const auto moderation, request.object("moderation"));
  if (!moderation) return {};
  HOLISAFE_CHECK(only_parameters(*moderation, {"model", "policy"}));
  HOLISAFE_CHECK(moderation->text("model"));
  HOLISAFE_TRY(const auto policy, moderation->object("policy"));
  if (!policy) return {};
  HOLISAFE_CHECK(only_parameters(*policy, {"input", "output"}));
  HOLISAFE_TRY(out.blocks_flagged, mode_blocks(*policy, "input"));
  HOLISAFE_TRY(const bool blocks_answers, mode_blocks(*policy, "output"));
  const std::string param = "moderation.policy.output.mode";
  if (blocks_answers)
    return refuse(Code::unsupported_parameter,
                  fmt::format("{}: expected score: answers are not judged", param), param);
  return {};
}

}  // namespace

Answer<void> ImageList::add(std::string_view url, std::string param, std::size_t message, std::size_t part) {
  if (images_.size() == limits_.max_images)
    return refuse(Code::too_many_images,
                  fmt::format("{}: expected at most {} images in a request", param, limits_.max_images),
                  param);
  HOLISAFE_TRY(auto image, read_image_url(url, std::move(param), limits_));
  image.message = message;
  image.part = part;
  images_.push_back(std::move(image));
  return {};
}

Answer<ImageAddress> image_address(const Members& part) {
  HOLISAFE_CHECK(only_content(part, {"type", "image_url"}));
  HOLISAFE_TRY(const auto* value, part.required("image_url"));
  HOLISAFE_TRY(const auto address, Members::of(*value, part.at("image_url")));
  HOLISAFE_CHECK(only_content(address, {"url", "detail"}));
  HOLISAFE_TRY(const auto* url, address.required_text("url"));
  HOLISAFE_CHECK(check_detail(address));
  return ImageAddress{*url, address.at("url")};
}

Answer<std::vector<ContentPart>> read_content(const Json& content, const ContentPlace& place,
                                              ImageList& images) {
  std::vector<ContentPart> out;
  if (content.is_string()) {
    out.emplace_back(std::string_view(content.get_ref<const std::string&>()));
    return out;
  }
  if (!content.is_array()) return wrong_type(place.path, "a text or a list of parts", content);
  if (content.empty())
    return refuse(Code::invalid_value, fmt::format("{}: expected a part, found none", place.path),
                  place.path);
  for (std::size_t i = 0; i < content.size(); ++i) {
    HOLISAFE_TRY(auto part, read_part(content[i], i, place, images));
    out.push_back(part);
  }
  return out;
}

Answer<const Json*> messages_of(const Members& request) {
  HOLISAFE_CHECK(request.required("messages"));
  HOLISAFE_TRY(const auto* out, request.list("messages"));
  if (out->empty())
    return refuse(Code::invalid_value, "messages: expected a message, found none", "messages");
  return out;
}

Answer<void> read_ours(const Members& request, ChatRequest& out) {
  HOLISAFE_TRY(const auto* model, request.text("model"));
  if (model != nullptr) out.model = *model;
  HOLISAFE_TRY(const auto stream, request.flag("stream"));
  out.stream = stream.value_or(false);
  HOLISAFE_TRY(const auto options, request.object("stream_options"));
  if (options) {
    HOLISAFE_CHECK(
        only_parameters(*options, {"include_usage", "include_obfuscation", "continuous_usage_stats"}));
    HOLISAFE_TRY(const auto usage, options->flag("include_usage"));
    out.include_usage = usage.value_or(false);
    HOLISAFE_CHECK(options->flag("include_obfuscation"));
  }
  return read_moderation_wish(request, out);
}

}  // namespace holisafe::serve
