#include "cli/model_flags.h"

namespace holisafe::cli {

void add_model_flags(CLI::App* command, ModelFlags& flags) {
  command->add_option("--model", flags.model, "Checkpoint folder (config.json, safetensors, tokenizer)");
  command->add_option("--guard", flags.guard, "Guard plug-in file; default: the checkpoint's own guard");
  command->add_option("--adapter", flags.adapter, "PEFT adapter folder to run on top of the model");
  command->add_option("--dtype", flags.dtype, "What the model computes in")
      ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
  command->add_option("--device", flags.device, "cpu, cuda or cuda:N");
  command->add_option("--threads", flags.threads, "CPU threads; 0: as many as LibTorch chooses")
      ->check(CLI::Range(0, 4096));
  command->add_option("--template", flags.prompt_template, "Prompt template, of families with several");
  command->add_option("--vision-tower", flags.vision_tower,
                      "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside");
  command
      ->add_option("--image-aspect", flags.image_aspect,
                   "LLaVA: pad pictures to a square or crop them; default: as the checkpoint says")
      ->check(CLI::IsMember({"pad", "crop"}));
}

}  // namespace holisafe::cli
