#include "ask/provider.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ask/refusal.h"
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

Result<chat::Reply> reply_in(const Provider& provider, const Json& response) {
  auto error = error_within(response);
  if (!error) return provider.reply(response);
  if (auto code = content_filter_code(response)) return filtered_by(*std::move(code));
  return fail(answered_with_error(provider.name, *std::move(error)));
}

chat::Reply filtered_by(std::string code) {
  chat::Reply out;
  out.state = chat::State::filtered;
  out.finish_reason = std::move(code);
  return out;
}

}  // namespace holisafe::ask
