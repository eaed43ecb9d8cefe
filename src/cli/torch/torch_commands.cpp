// The table of the module: the commands that need LibTorch, in the order of help.
#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_answerer.h"
#include "cli/torch_module.h"
#include "nn/tensor_memory.h"

namespace holisafe::cli {
namespace {

void add_commands(CLI::App& app) {
  add_guard_calibrate(*add_guard(app));
  add_ask(app);
  CLI::App* model = declare_group(app, "model", torch_description("model"));
  add_model_info(*model);
  add_model_trace(*model);
  add_model_synth(*model);
  add_model_merge(*model);
  add_train(app);
}

}  // namespace
}  // namespace holisafe::cli

// Of the type that base/module calls: a function called through another one is no function to
// UndefinedBehaviorSanitizer.
extern "C" const void* holisafe_torch_module() {
  static constexpr holisafe::cli::TorchModule module{.add_commands = holisafe::cli::add_commands,
                                                     .open_model = holisafe::cli::open_model_answerer,
                                                     .open_explained = holisafe::cli::open_explained_model,
                                                     .open_guard = holisafe::cli::open_guard_scheduler};
  holisafe::nn::reuse_tensor_memory();
  return &module;
}
