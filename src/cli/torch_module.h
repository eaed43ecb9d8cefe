// The part of the program that needs LibTorch: holisafe_torch.so, loaded on demand, so that scoring a file
// does not wait for LibTorch to load and a build without it has the same commands, each ending in an error
// that says what is missing.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "chat/local_model.h"
#include "explain/image_explainer.h"
#include "schedule/scheduler.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

/// A model that answers, and who explains what its guard says.
struct ExplainedModel {
  std::unique_ptr<chat::Answerer> answerer;
  std::shared_ptr<explain::ImageExplainer> explainer;
};

/// What the module gives; one table, made in torch/torch_commands.cpp. Static lifetime.
struct TorchModule {
  void (*add_commands)(
      CLI::App& app);  ///< declares guard, ask, model, train with their flags, in the order of help
  /// A checkpoint that answers. Errors: those of loading a model.
  Result<std::unique_ptr<chat::Answerer>> (*open_model)(const chat::ModelSettings& settings,
                                                        const StopFlag* stop);
  /// The same of one with a guard, and who explains what that says, on the same model while it does not
  /// answer. Errors: those of loading a model; missing (a checkpoint without one).
  Result<ExplainedModel> (*open_explained)(const chat::ModelSettings& settings, const StopFlag* stop);
  /// The same of one with a guard, for many clients too. Errors: those of loading a model; missing (a
  /// checkpoint without one).
  Result<std::unique_ptr<schedule::Scheduler>> (*open_guard)(const chat::ModelSettings& settings,
                                                             const StopFlag* stop);
};

/// What torch_module() sets for LibTorch, for a program that has threads before it loads the module: to be
/// called before the first.
void prepare_for_torch();

/// Loads the module (once; later calls give the same). OpenMP threads are told to wait passively first, which
/// must happen before LibTorch loads: spinning ones take the cores from others on a shared machine. Not
/// thread-safe. LibTorch is looked for in $HOLISAFE_TORCH_DIR/lib, beside the module, and where it was built.
/// Errors: unsupported (no module, as in a build without LibTorch), not_found (no LibTorch), internal (it
/// does not load).
Result<const TorchModule*> torch_module();

/// One line on a command of the module: known without loading it, for the top-level help.
std::string torch_description(const std::string& command);

/// Declares the module's commands: with all flags if `load` (errors then become what each command reports),
/// else by name alone.
void add_torch_commands(CLI::App& app, bool load);

/// Whether the command line needs the module's flags: one of its commands is named, and behind it none of
/// those that `names`, a table made without the module, has below it (`guard labels`).
bool names_torch_command(const CLI::App& names, int argc, char** argv);

}  // namespace holisafe::cli
