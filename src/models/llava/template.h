// How LLaVA-1.5 puts a conversation into text (Vicuna's template) and the text into ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "models/llava/config.h"
#include "models/model.h"

namespace holisafe::models::llava {

struct Template {
  Layout layout = Layout::hf;
  std::string system;  ///< where a conversation has none of its own; may be empty
  std::int64_t image_token_id = 0;
};

/// The template of a layout by name; empty or "vicuna": its default. transformers' layout has one without a
/// system sentence; the original has vicuna_v1 (default) and llava_v1. Errors: usage (names the known ones).
Result<Template> template_of(const Config& config, const std::string& name);

/// `{system }USER: {<image>\n}…{text} ASSISTANT: {text}</s>USER: …`. In transformers' layout a turn's images
/// stand before its texts, which a space parts, and all of it is tokenised as one text. In the original
/// layout images stand where they stand, with a new line behind those that open a turn; what stands between
/// two images is tokenised on its own, as SentencePiece does it, so that a dummy prefix follows every image.
/// Errors: those of check_turns and of the tokenizer.
Result<Prompt> render_conversation(const Template& format, const tokenizer::Tokenizer& tokenizer,
                                   const chat::Conversation& conversation,
                                   std::span<const ProcessedImage> images);

}  // namespace holisafe::models::llava
