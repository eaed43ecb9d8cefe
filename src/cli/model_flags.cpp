#include "cli/model_flags.h"

#include <CLI/CLI.hpp>

#include "checkpoint/dtype.h"
#include "cli/layout_flags.h"
#include "cli/type_names.h"

namespace holisafe::cli {

void add_model_flags(CLI::App* command, ModelFlags& flags) {
  command->add_option("--model", flags.model, "Checkpoint folder (config.json, safetensors, tokenizer)")
      ->type_name(folder_type);
  add_local_flags(command, flags);
}

void add_local_flags(CLI::App* command, ModelFlags& flags) {
  command->add_option("--guard", flags.guard, "Guard plug-in file; default: the checkpoint's own guard");
  command->add_option("--adapter", flags.adapter, "PEFT adapter folder to run on top of the model")
      ->type_name(folder_type);
  command->add_option("--dtype", flags.dtype, "What the model computes in; float16 on a GPU alone")
      ->check(CLI::IsMember(checkpoint::computed_words()));
  command->add_option("--device", flags.device, "cpu, cuda or cuda:N");
  add_layout_flags(command, flags);
}

void add_cache_flag(CLI::App* command, ModelFlags& flags, const std::string& otherwise) {
  command
      ->add_option("--cache-memory", flags.cache_bytes,
                   "Most memory for keys and values of what a local model has read, such as 512MiB or 8GiB; "
                   "otherwise " +
                       otherwise)
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->type_name("SIZE");
}

}  // namespace holisafe::cli
