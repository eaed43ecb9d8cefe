// `holisafe model merge`: base, adapter and guard as one checkpoint.
#include <memory>

#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/type_names.h"
#include "engine/merge.h"

namespace holisafe::cli {

void add_model_merge(CLI::App& model) {
  auto flags = std::make_shared<engine::MergeRequest>();
  CLI::App* command =
      declare(model, "merge", "Fold a PEFT adapter and a guard into one checkpoint that transformers loads",
              {"holisafe model merge --model llava-1.5-7b-hf --adapter run/adapter --guard "
               "run/guard.safetensors --out safe"});
  command->add_option("--model", flags->model, "Checkpoint folder of the base model")
      ->type_name(folder_type)
      ->required();
  command->add_option("--adapter", flags->adapter, "PEFT adapter folder")->type_name(folder_type);
  command->add_option("--guard", flags->guard, "Guard plug-in file");
  command
      ->add_option("--vision-tower", flags->vision_tower,
                   "CLIP checkpoint folder, where an original LLaVA checkpoint has no tower inside")
      ->type_name(folder_type);
  command->add_option("--out", flags->out, "Folder to write")->type_name(folder_type)->required();
  on_run(command, [flags] {
    const auto done = engine::merge(*flags);
    if (!done) return report(done.error());
    for (const std::string& warning : *done) warn(warning);
    return exit_ok;
  });
}

}  // namespace holisafe::cli
