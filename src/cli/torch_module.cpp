#include "cli/torch_module.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include <dlfcn.h>

#include "cli/program.h"

namespace holisafe::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> commands{{
    {"guard", "Classify images into the 20 harm classes with a visual guard module"},
    {"ask", "Ask a Safe-VLM about images: verdict and answer from one prefill"},
    {"model", "Look at, trace, synthesise and merge checkpoints"},
    {"train", "Train a vision-language model into a Safe-VLM"},
}};

constexpr const char* file_name = "holisafe_torch.so";

/// Beside the program in a build folder, under lib/ when installed.
std::filesystem::path module_path() {
  std::error_code code;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", code).parent_path();
  if (auto beside = folder / file_name; std::filesystem::exists(beside, code)) return beside;
  return folder.parent_path() / HOLISAFE_MODULE_FOLDER / file_name;
}

Result<const TorchModule*> load() {
  const auto path = module_path();
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    return fail(ErrorKind::unsupported, "command needs LibTorch", path.string(),
                "expected a build with LibTorch (-DHOLISAFE_TORCH=ON), found none");
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 0);  // NOLINT(concurrency-mt-unsafe): no thread runs yet
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) return fail(ErrorKind::internal, "cannot load", path.string(), ::dlerror());
  using Entry = const TorchModule* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(handle, "holisafe_torch_module"));
  if (entry == nullptr) return fail(ErrorKind::internal, "cannot load", path.string(), ::dlerror());
  return entry();
}

}  // namespace

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
