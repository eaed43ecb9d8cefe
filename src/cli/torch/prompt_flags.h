// The flags of commands that give a model one prompt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/free_text.h"
#include "cli/image_flags.h"
#include "cli/torch/model_flags.h"
#include "engine/engine.h"

namespace holisafe::cli {

struct PromptFlags {
  std::vector<std::string> images;
  std::string prompt;
  std::optional<std::string> system;
  image::DecodeOptions decode;
};

/// --image, --prompt, --system and the flags of decoding; `flags` must outlive parsing.
inline void add_prompt_flags(CLI::App* command, PromptFlags& flags) {
  command->add_option("--image", flags.images, "Image file; again for each further image")
      ->allow_extra_args(false);
  command->add_option("--prompt", flags.prompt, "What to ask; taken as text, special tokens in it too")
      ->required()
      ->type_name(free_text);
  command->add_option("--system", flags.system, "System text in place of the template's")
      ->type_name(free_text);
  add_image_flags(command, flags.decode);
}

/// The prompt they give, its images decoded and processed. Errors: those of load_images().
inline Result<engine::Request> load_request(const engine::Engine& engine, const PromptFlags& flags) {
  HOLISAFE_TRY(auto images, load_images(engine, flags.images, flags.decode));
  return engine::Request{{flags.system, {{models::Role::user, flags.prompt}}}, std::move(images)};
}

}  // namespace holisafe::cli
