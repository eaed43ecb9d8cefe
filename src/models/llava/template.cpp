#include "models/llava/template.h"

#include <utility>
#include <vector>

#include "models/llava/chat_templates.h"
#include "models/prompt.h"

namespace holisafe::models::llava {
namespace {

constexpr const char* image_token = "<image>";
constexpr const char* end_token = "</s>";

constexpr const char* vicuna_system =
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions.";
constexpr const char* llava_system =
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.";

/// A conversation's text; a section begins at the start and after each image of the original layout.
class Sections {
 public:
  Sections(Layout layout, std::span<const ProcessedImage> images) : layout_(layout), images_(images) {}

  std::vector<PromptText> fill(const std::string& system, const std::vector<chat::Turn>& turns) && {
    if (!system.empty()) {
      last().typed(system);
      last().markup(" ");
    }
    for (const chat::Turn& turn : turns) {
      if (turn.role == chat::Role::assistant) {
        last().answer(" " + joined(turn), end_token);
      } else {
        last().markup("USER: ");
        user(turn);
        last().markup("ASSISTANT:");
      }
    }
    return std::move(sections_);
  }

 private:
  PromptText& last() { return sections_.back(); }

  /// A user's turn and the space behind it.
  void user(const chat::Turn& turn) {
    if (layout_ == Layout::hf) {
      for (std::size_t i = 0; i < turn.images(); ++i) image(true);
      for (const chat::Part& part : turn.parts) {
        if (const auto* text = std::get_if<std::string>(&part)) {
          last().typed(*text);
          last().markup(" ");
        }
      }
      return;
    }
    bool opens = true;
    for (const chat::Part& part : turn.parts) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        last().typed(*text);
        opens = false;
      } else {
        image(opens);
      }
    }
    last().markup(" ");
  }

  void image(bool opens) {
    if (layout_ == Layout::original) {
      sections_.emplace_back();
    } else {
      std::string placeholders;
      for (std::int64_t i = 0; i < images_[placed_].tokens(); ++i) placeholders += image_token;
      last().markup(std::move(placeholders));
    }
    ++placed_;
    if (opens) last().markup("\n");
  }

  [[nodiscard]] std::string joined(const chat::Turn& turn) const {
    if (layout_ == Layout::original) return turn.text();
    std::string out;
    for (const chat::Part& part : turn.parts) {
      const auto* text = std::get_if<std::string>(&part);
      if (text == nullptr) continue;
      if (!out.empty()) out += ' ';
      out += *text;
    }
    return out;
  }

  Layout layout_;
  std::span<const ProcessedImage> images_;
  std::size_t placed_ = 0;
  std::vector<PromptText> sections_ = std::vector<PromptText>(1);
};

/// Puts a section's ids behind those there are, and an image before all sections but the first.
void append(Prompt& prompt, const Prompt& section, std::int64_t image, const Template& format,
            std::span<const ProcessedImage> images) {
  if (image >= 0) {
    const std::int64_t begin = prompt.length();
    const std::int64_t tokens = images[static_cast<std::size_t>(image)].tokens();
    prompt.input_ids.insert(prompt.input_ids.end(), static_cast<std::size_t>(tokens), format.image_token_id);
    prompt.supervised.insert(prompt.supervised.end(), static_cast<std::size_t>(tokens), 0);
    prompt.spans.push_back({image, begin, begin + tokens});
  }
  const std::int64_t offset = prompt.length();
  for (const ImageSpan& span : section.spans)
    prompt.spans.push_back({span.image, span.begin + offset, span.end + offset});
  prompt.input_ids.insert(prompt.input_ids.end(), section.input_ids.begin(), section.input_ids.end());
  prompt.supervised.insert(prompt.supervised.end(), section.supervised.begin(), section.supervised.end());
}

}  // namespace

Result<Template> template_of(const Config& config, const std::string& name) {
  Template out{config.layout, "", config.image_token_id};
  if (config.layout == Layout::hf) {
    if (name.empty() || name == template_name) return out;
    return fail(ErrorKind::usage, "no such template", name,
                "a checkpoint in transformers' layout has vicuna alone; vicuna_v1 and llava_v1 belong to the "
                "original layout");
  }
  if (name.empty() || name == "vicuna_v1" || name == template_name) {
    out.system = vicuna_system;
  } else if (name == "llava_v1") {
    out.system = llava_system;
  } else {
    return fail(ErrorKind::usage, "no such template", name, "expected vicuna_v1 or llava_v1");
  }
  return out;
}

Result<Prompt> render_conversation(const Template& format, const tokenizer::Tokenizer& tokenizer,
                                   const chat::Conversation& conversation,
                                   std::span<const ProcessedImage> images) {
  HOLISAFE_CHECK(check_turns(conversation, images.size()));
  const bool original = format.layout == Layout::original;
  Prompt prompt;
  if (const auto bos = tokenizer.bos_id()) {
    prompt.input_ids.push_back(*bos);
    prompt.supervised.push_back(0);
  }
  std::int64_t image = -1;
  const std::string& system = conversation.system ? *conversation.system : format.system;
  for (const PromptText& section : Sections(format.layout, images).fill(system, conversation.turns)) {
    const auto inside = original ? std::span<const ProcessedImage>() : images;
    HOLISAFE_TRY(const Prompt encoded, section.encode(tokenizer, format.image_token_id, inside));
    append(prompt, encoded, image++, format, images);
  }
  prompt.positions = at::arange(prompt.length(), torch::kInt64).unsqueeze(0);
  prompt.next_position = prompt.length();
  return prompt;
}

}  // namespace holisafe::models::llava
