#include "cli/torch/prompt_flags.h"

#include <utility>

#include "cli/image_flags.h"
#include "cli/type_names.h"
#include "engine/conversation_file.h"

namespace holisafe::cli {

void add_prompt_flags(CLI::App* command, PromptFlags& flags) {
  command->add_option("--image", flags.images, "Image file; again for each further image")
      ->allow_extra_args(false);
  command->add_option("--prompt", flags.prompt, "What to ask; taken as text, special tokens in it too")
      ->type_name(free_text);
  command->add_option("--system", flags.system, "System text in place of the template's")
      ->type_name(free_text);
  command->add_option(
      "--conversation", flags.conversation,
      "JSON list of messages as chat templates take them, in place of the three above: text and "
      "images ({\"type\": \"image\", \"path\": FILE}) in any order, several turns");
  add_image_flags(command, flags.decode);
}

Result<chat::Conversation> conversation_of(const PromptFlags& flags) {
  const auto refuse = [](const char* flag, const char* detail) {
    return fail(ErrorKind::usage, "bad command line", flag, detail);
  };
  if (flags.conversation.empty()) {
    if (!flags.prompt) return refuse("--prompt", "is required, or --conversation");
    std::vector<chat::Image> images;
    for (const std::string& file : flags.images) images.push_back({file, nullptr});
    return chat::single_turn(std::move(images), *flags.prompt, flags.system);
  }
  if (flags.prompt) return refuse("--prompt", "does not go with --conversation");
  if (flags.system) return refuse("--system", "does not go with --conversation");
  if (!flags.images.empty()) return refuse("--image", "does not go with --conversation");
  return engine::read_conversation(flags.conversation);
}

}  // namespace holisafe::cli
