// The flags of commands that give a model one prompt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "image/image.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

struct PromptFlags {
  std::vector<std::string> images;
  std::optional<std::string> prompt;
  std::optional<std::string> system;
  std::string conversation;  ///< file; in place of the others
  image::DecodeOptions decode;
};

/// --image, --prompt, --system, or --conversation, and the flags of decoding; `flags` must outlive parsing.
void add_prompt_flags(CLI::App* command, PromptFlags& flags);

/// The conversation they give. Errors: usage (neither --prompt nor --conversation, or both), those of
/// engine::read_conversation.
Result<chat::Conversation> conversation_of(const PromptFlags& flags);

}  // namespace holisafe::cli
