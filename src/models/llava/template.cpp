#include "models/llava/template.h"

#include <utility>
#include <vector>

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

/// The conversation's text; a section begins at the start and after each image of the original layout.
std::vector<PromptText> sections_of(const Template& format, const Conversation& conversation,
                                    std::span<const ProcessedImage> images) {
  std::vector<PromptText> sections(1);
  const std::string& system = conversation.system ? *conversation.system : format.system;
  if (!system.empty()) {
    sections.back().typed(system);
    sections.back().markup(" ");
  }
  sections.back().markup("USER: ");
  for (const ProcessedImage& image : images) {
    if (format.layout == Layout::original) {
      sections.emplace_back();
    } else {
      std::string placeholders;
      for (std::int64_t i = 0; i < image.tokens(); ++i) placeholders += image_token;
      sections.back().markup(std::move(placeholders));
    }
    sections.back().markup("\n");
  }
  for (std::size_t i = 0; i < conversation.turns.size(); ++i) {
    const Turn& turn = conversation.turns[i];
    if (turn.role == Role::assistant) {
      sections.back().answer(" " + turn.text, end_token);
      continue;
    }
    if (i > 0) sections.back().markup("USER: ");
    sections.back().typed(turn.text);
    sections.back().markup(" ASSISTANT:");
  }
  return sections;
}

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
    if (name.empty()) return out;
    return fail(ErrorKind::usage, "no such template", name,
                "a checkpoint in transformers' layout has one template alone; vicuna_v1 and llava_v1 belong "
                "to the original layout");
  }
  if (name.empty() || name == "vicuna_v1") {
    out.system = vicuna_system;
  } else if (name == "llava_v1") {
    out.system = llava_system;
  } else {
    return fail(ErrorKind::usage, "no such template", name, "expected vicuna_v1 or llava_v1");
  }
  return out;
}

Result<Prompt> render_conversation(const Template& format, const tokenizer::Tokenizer& tokenizer,
                                   const Conversation& conversation, std::span<const ProcessedImage> images) {
  HOLISAFE_CHECK(check_turns(conversation));
  const bool original = format.layout == Layout::original;
  Prompt prompt;
  if (const auto bos = tokenizer.bos_id()) {
    prompt.input_ids.push_back(*bos);
    prompt.supervised.push_back(0);
  }
  std::int64_t image = -1;
  for (const PromptText& section : sections_of(format, conversation, images)) {
    const auto inside = original ? std::span<const ProcessedImage>() : images;
    HOLISAFE_TRY(const Prompt encoded, section.encode(tokenizer, format.image_token_id, inside));
    append(prompt, encoded, image++, format, images);
  }
  prompt.positions = at::arange(prompt.length(), torch::kInt64).unsqueeze(0);
  prompt.next_position = prompt.length();
  return prompt;
}

}  // namespace holisafe::models::llava
