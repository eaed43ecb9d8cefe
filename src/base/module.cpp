#include "base/module.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

namespace holisafe {
namespace {

/// Beside the program in a build folder, under lib/ when installed.
std::filesystem::path module_path(const char* file_name) {
  std::error_code code;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", code).parent_path();
  if (auto beside = folder / file_name; std::filesystem::exists(beside, code)) return beside;
  return folder.parent_path() / HOLISAFE_MODULE_FOLDER / file_name;
}

/// A folder that may hold the library's files, and which one that is.
struct LibraryFolder {
  std::filesystem::path folder;
  std::string_view what;
};

/// In the order in which they are tried.
std::vector<LibraryFolder> library_folders(const Module& module, const std::filesystem::path& path) {
  std::vector<LibraryFolder> out;
  const auto files_in = [&](const std::filesystem::path& folder) {
    return module.below == nullptr ? folder : folder / module.below;
  };
  const char* named = std::getenv(module.variable);  // NOLINT(concurrency-mt-unsafe): no thread sets it
  if (named != nullptr && *named != '\0') out.push_back({files_in(named), module.variable});
  out.push_back({path.parent_path(), "beside the module"});
  if (module.built_with != nullptr) out.push_back({files_in(module.built_with), "where it was built"});
  return out;
}

/// Loads the library from the first folder that has it; the module then takes what is loaded. Nothing where
/// none has: the system's loader may still know one.
Result<void> load_library(const Module& module, const std::vector<LibraryFolder>& folders, int flags) {
  for (const LibraryFolder& it : folders) {
    const auto path = it.folder / module.library_file;
    std::error_code code;
    if (!std::filesystem::exists(path, code)) continue;
    if (::dlopen(path.c_str(), flags) == nullptr)
      return fail(ErrorKind::unsupported, fmt::format("cannot load {}", module.library), path.string(),
                  ::dlerror());
    return {};
  }
  return {};
}

/// The module needs a library that is in none of them.
Error library_not_found(const Module& module, const std::vector<LibraryFolder>& folders,
                        const std::filesystem::path& path) {
  std::string places;
  for (const LibraryFolder& it : folders)
    places += fmt::format("{}{} ({})", places.empty() ? "" : ", ", it.folder.string(), it.what);
  return {ErrorKind::not_found, fmt::format("cannot find {}", module.library), path.string(),
          fmt::format("expected {} in {}, found none: set {} to {}", module.library_file, places,
                      module.variable, module.hint)};
}

}  // namespace

Result<const void*> load_module(const Module& module, const char* entry) {
  const auto path = module_path(module.file);
  std::error_code code;
  if (!std::filesystem::exists(path, code)) {
    return fail(ErrorKind::unsupported, module.needed_by, path.string(),
                fmt::format("expected the module there, as {} has it, found no such file", module.as_built));
  }
  const int flags = RTLD_NOW | (module.shares_names ? RTLD_GLOBAL : RTLD_LOCAL);
  const auto folders = library_folders(module, path);
  HOLISAFE_CHECK(load_library(module, folders, flags));
  void* handle = ::dlopen(path.c_str(), flags);
  if (handle == nullptr) {
    const std::string why = ::dlerror();
    for (const std::string_view part : module.library_parts) {
      if (why.find(part) != std::string::npos) return fail(library_not_found(module, folders, path));
    }
    return fail(ErrorKind::internal, "cannot load", path.string(), why);
  }
  using Entry = const void* (*)();
  const auto function = reinterpret_cast<Entry>(::dlsym(handle, entry));
  if (function == nullptr) return fail(ErrorKind::internal, "cannot load", path.string(), ::dlerror());
  return function();
}

}  // namespace holisafe
