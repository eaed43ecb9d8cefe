#include "ask/provider.h"

#include <algorithm>
#include <array>
#include <utility>

#include "image/image.h"

namespace holisafe::ask {

std::span<const Provider* const> providers() {
  static const std::array<const Provider*, 3> table{
      &openai_provider(),
      &anthropic_provider(),
      &gemini_provider(),
  };
  return table;
}

const Provider* find_provider(std::string_view name) {
  const auto table = providers();
  const auto place =
      std::find_if(table.begin(), table.end(), [&](const auto* each) { return each->name == name; });
  return place == table.end() ? nullptr : *place;
}

std::vector<std::string> provider_names() {
  std::vector<std::string> out;
  for (const auto* each : providers()) out.emplace_back(each->name);
  return out;
}

Result<SentImage> sent_image(const chat::Image& image) {
  static const std::string none;
  const std::string& bytes = image.bytes ? *image.bytes : none;
  const auto format = image::detect(std::as_bytes(std::span(bytes)));
  if (!format)
    return fail(format.error().kind, "cannot send image", image.file.string(), format.error().detail);
  return SentImage{image::mime_type(*format), base64_of(bytes)};
}

Json number(double value) { return value == 0 ? Json(0) : Json(value); }

std::optional<std::uint64_t> count_of(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::uint64_t>();
}

chat::Reply filtered_by(std::string code) {
  chat::Reply out;
  out.state = chat::State::filtered;
  out.finish_reason = std::move(code);
  return out;
}

std::optional<std::string> content_filter_code(const Json& body) {
  // OpenAI, Azure OpenAI (also inside innererror), and gateways that pass theirs on.
  constexpr std::array<std::string_view, 4> codes = {"content_filter", "content_policy_violation",
                                                     "ResponsibleAIPolicyViolation", "content_filtered"};
  const Json& error = member(body, "error");
  for (const Json* holder : {&error, &member(error, "innererror"), &body}) {
    for (const char* key : {"code", "type"}) {
      std::string found = text_of(member(*holder, key));
      if (std::find(codes.begin(), codes.end(), found) != codes.end()) return found;
    }
  }
  return std::nullopt;
}

}  // namespace holisafe::ask
