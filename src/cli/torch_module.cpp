#include "cli/torch_module.h"

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/module.h"
#include "cli/program.h"

namespace holisafe::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> commands{{
    {"guard", "Classify images into the 20 harm classes with a visual guard module"},
    {"ask", "Ask a Safe-VLM about images: verdict and answer from one prefill"},
    {"model", "Look at, trace, synthesise and merge checkpoints"},
    {"train", "Train a vision-language model into a Safe-VLM"},
}};

#ifdef HOLISAFE_BUILT_WITH_TORCH
constexpr const char* built_with = HOLISAFE_BUILT_WITH_TORCH;
#else
constexpr const char* built_with = nullptr;
#endif

constexpr Module torch{.file = "holisafe_torch.so",
                       .needed_by = "command needs LibTorch",
                       .as_built = "a build with LibTorch (-DHOLISAFE_TORCH=ON)",
                       .library = "LibTorch",
                       .library_file = "libtorch.so",
                       .library_parts = {{"libtorch", "libc10"}},
                       .variable = "HOLISAFE_TORCH_DIR",
                       .below = "lib",
                       .built_with = built_with,
                       .hint = "the folder torch of the wheel, which holds lib/",
                       .shares_names = true};

Result<const TorchModule*> load() {
  prepare_for_torch();
  HOLISAFE_TRY(const void* module, load_module(torch, "holisafe_torch_module"));
  return static_cast<const TorchModule*>(module);
}

}  // namespace

void prepare_for_torch() {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr)
    return;                                   // NOLINT(concurrency-mt-unsafe): nobody sets one meanwhile
  ::setenv("OMP_WAIT_POLICY", "passive", 0);  // NOLINT(concurrency-mt-unsafe): no thread runs yet
}

Result<const TorchModule*> torch_module() {
  static const Result<const TorchModule*> module = load();
  return module;
}

std::string torch_description(const std::string& command) {
  for (const auto& [name, description] : commands) {
    if (name == command) return std::string(description);
  }
  return {};
}

bool names_torch_command(const CLI::App& names, int argc, char** argv) {
  if (argc < 2 || torch_description(argv[1]).empty()) return false;
  const auto is_named = [argv](const CLI::App* command) { return command->get_name() == argv[2]; };
  return argc < 3 || names.get_subcommand(argv[1])->get_subcommands(is_named).empty();
}

void add_torch_commands(CLI::App& app, bool load) {
  if (load) {
    if (const auto module = torch_module()) return (*module)->add_commands(app);
  }
  for (const auto& [name, description] : commands) {
    CLI::App* command = declare(app, std::string(name), std::string(description), {});
    command->prefix_command();
    on_run(command, [] { return report(torch_module().error()); });
  }
}

}  // namespace holisafe::cli
