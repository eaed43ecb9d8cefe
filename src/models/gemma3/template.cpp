#include "models/gemma3/template.h"

#include <string>

#include "base/text.h"

namespace holisafe::models::gemma3 {
namespace {

/// One piece: soft tokens between their begin and end, an empty line on either side.
std::string piece_markup(std::int64_t tokens) {
  std::string out = "\n\n";
  out += begin_image_token;
  for (std::int64_t i = 0; i < tokens; ++i) out += image_token;
  out += end_image_token;
  out += "\n\n";
  return out;
}

/// An image, and with pan and scan what stands around its crops.
std::string image_markup(const ProcessedImage& image) {
  const auto& pieces = image.piece_tokens;
  if (pieces.size() == 1) return piece_markup(pieces.front());
  std::string out = "Here is the original image ";
  out += piece_markup(pieces.front());
  out += " and here are some crops to help you see better ";
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (i > 1) out += ' ';
    out += piece_markup(pieces[i]);
  }
  return out;
}

std::string begin_turn(std::string_view role) {
  return std::string(begin_turn_token) + std::string(role) + "\n";
}

/// Every piece of text is stripped on its own.
std::string stripped(const chat::Turn& turn) {
  std::string out;
  for (const chat::Part& part : turn.parts) {
    if (const auto* words = std::get_if<std::string>(&part)) out += strip(*words);
  }
  return out;
}

}  // namespace

Result<PromptText> fill_template(const chat::Conversation& conversation,
                                 std::span<const ProcessedImage> images) {
  HOLISAFE_CHECK(check_turns(conversation, images.size()));
  PromptText text;
  text.markup(std::string(begin_text_token));
  auto image = images.begin();
  for (std::size_t i = 0; i < conversation.turns.size(); ++i) {
    const chat::Turn& turn = conversation.turns[i];
    if (turn.role == chat::Role::assistant) {
      text.markup(begin_turn("model"));
      text.answer(stripped(turn), std::string(end_turn_token));
      text.markup("\n");
      continue;
    }
    text.markup(begin_turn("user"));
    if (i == 0 && conversation.system) {
      text.typed(*conversation.system);
      text.markup("\n\n");
    }
    for (const chat::Part& part : turn.parts) {
      if (const auto* words = std::get_if<std::string>(&part)) {
        text.typed(std::string(strip(*words)));
      } else {
        text.markup(image_markup(*image++));
      }
    }
    text.markup(std::string(end_turn_token) + "\n");
  }
  if (conversation.turns.back().role == chat::Role::user) text.markup(begin_turn("model"));
  return text;
}

}  // namespace holisafe::models::gemma3
