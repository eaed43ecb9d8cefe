#include "cli/torch_module.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

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

/// A folder that may hold LibTorch's libraries, and which one that is.
struct TorchFolder {
  std::filesystem::path folder;
  std::string_view what;
};

/// In the order in which they are tried.
std::vector<TorchFolder> torch_folders(const std::filesystem::path& module) {
  std::vector<TorchFolder> out;
  const char* named = std::getenv("HOLISAFE_TORCH_DIR");  // NOLINT(concurrency-mt-unsafe): no thread runs yet
  if (named != nullptr && *named != '\0')
    out.push_back({std::filesystem::path(named) / "lib", "HOLISAFE_TORCH_DIR"});
  out.push_back({module.parent_path(), "beside the module"});
#ifdef HOLISAFE_BUILT_WITH_TORCH
  out.push_back({std::filesystem::path(HOLISAFE_BUILT_WITH_TORCH) / "lib", "where it was built"});
#endif
  return out;
}

/// Loads LibTorch from the first folder that has it; the module then takes what is loaded. Nothing where none
/// has: the system's loader may still know one.
Result<void> load_torch(const std::vector<TorchFolder>& folders) {
  for (const TorchFolder& it : folders) {
    const auto path = it.folder / "libtorch.so";
    std::error_code code;
    if (!std::filesystem::exists(path, code)) continue;
    if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
      return fail(ErrorKind::unsupported, "cannot load LibTorch", path.string(), ::dlerror());
    return {};
  }
  return {};
}

/// The module needs a LibTorch that is in none of them.
Error torch_not_found(const std::vector<TorchFolder>& folders, const std::filesystem::path& module) {
  std::string places;
  for (const TorchFolder& it : folders)
    places += fmt::format("{}{} ({})", places.empty() ? "" : ", ", it.folder.string(), it.what);
  return {ErrorKind::not_found, "cannot find LibTorch", module.string(),
          "expected libtorch.so in " + places +
              ", found none: set HOLISAFE_TORCH_DIR to the folder torch of the wheel, which holds lib/"};
}

Result<const TorchModule*> load() {
  const auto path = module_path();
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    return fail(ErrorKind::unsupported, "command needs LibTorch", path.string(),
                "expected the module there, as a build with LibTorch (-DHOLISAFE_TORCH=ON) has it, found no "
                "such file");
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 0);  // NOLINT(concurrency-mt-unsafe): no thread runs yet
  const auto folders = torch_folders(path);
  HOLISAFE_CHECK(load_torch(folders));
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    const std::string why = ::dlerror();
    if (why.find("libtorch") != std::string::npos || why.find("libc10") != std::string::npos)
      return fail(torch_not_found(folders, path));
    return fail(ErrorKind::internal, "cannot load", path.string(), why);
  }
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
