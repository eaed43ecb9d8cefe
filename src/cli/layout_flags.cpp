#include "cli/layout_flags.h"

#include <CLI/CLI.hpp>

#include "cli/type_names.h"

namespace holisafe::cli {

void add_layout_flags(CLI::App* command, chat::ModelSettings& flags) {
  command->add_option("--threads", flags.threads, "CPU threads; 0: as many as LibTorch chooses")
      ->check(CLI::Range(0, 4096));
  command->add_option("--template", flags.prompt_template,
                      "Prompt by name, whatever chat template the checkpoint has: LLaVA's vicuna (vicuna_v1, "
                      "llava_v1 in the original layout), Qwen2.5-VL's chatml, Gemma 3's gemma");
  command
      ->add_option("--vision-tower", flags.vision_tower,
                   "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside")
      ->type_name(folder_type);
  command
      ->add_option("--image-aspect", flags.image_aspect,
                   "LLaVA: pad pictures to a square or crop them; default: as the checkpoint says")
      ->check(CLI::IsMember({"pad", "crop"}));
}

}  // namespace holisafe::cli
