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
  command->add_option("--dtype", flags.dtype, "What the model computes in")
      ->check(CLI::IsMember(checkpoint::computed_words()));
  command->add_option("--device", flags.device, "cpu, cuda or cuda:N");
  add_layout_flags(command, flags);
}

}  // namespace holisafe::cli
