#include "chat/chat.h"

#include <algorithm>
#include <array>

namespace holisafe::chat {

std::string Turn::text() const {
  std::string out;
  for (const Part& part : parts) {
    if (const auto* text = std::get_if<std::string>(&part)) out += *text;
  }
  return out;
}

std::size_t Turn::images() const {
  std::size_t out = 0;
  for (const Part& part : parts) out += std::holds_alternative<Image>(part) ? 1 : 0;
  return out;
}

std::vector<const Image*> Conversation::images() const {
  std::vector<const Image*> out;
  for (const Turn& turn : turns) {
    for (const Part& part : turn.parts) {
      if (const auto* image = std::get_if<Image>(&part)) out.push_back(image);
    }
  }
  return out;
}

bool Conversation::images_first() const {
  bool elsewhere = false;
  for (const Turn& turn : turns) {
    for (const Part& part : turn.parts) {
      const bool image = std::holds_alternative<Image>(part);
      if (image && elsewhere) return false;
      elsewhere = elsewhere || !image;
    }
    elsewhere = true;
  }
  return true;
}

Conversation single_turn(std::vector<Image> images, std::string text, std::optional<std::string> system) {
  Turn turn;
  for (Image& image : images) turn.parts.emplace_back(std::move(image));
  turn.parts.emplace_back(std::move(text));
  return {std::move(system), {std::move(turn)}};
}

bool was_cut(std::string_view finish_reason) {
  constexpr std::array<std::string_view, 5> words = {"length", "max_tokens", "MAX_TOKENS", "model_length",
                                                     "model_context_window_exceeded"};
  return std::find(words.begin(), words.end(), finish_reason) != words.end();
}

Question question_of(std::vector<Part> parts, Generation how) {
  return {{std::nullopt, {{Role::user, std::move(parts)}}}, std::move(how)};
}

}  // namespace holisafe::chat
