// Parts of the program in shared libraries of their own, which are loaded when they are needed: each needs a
// large library from elsewhere that other commands shall not wait for.
#pragma once

#include <array>
#include <string_view>

#include "base/result.h"

namespace holisafe {

/// A module and the library it needs. Texts have static lifetime.
struct Module {
  const char* file = nullptr;  ///< "holisafe_torch.so"
  const char* needed_by =
      nullptr;                     ///< what cannot be done without it, for messages: "command needs LibTorch"
  const char* as_built = nullptr;  ///< "a build with LibTorch (-DHOLISAFE_TORCH=ON)"
  const char* library = nullptr;   ///< what it needs, by its name: "LibTorch"
  const char* library_file = nullptr;  ///< "libtorch.so"
  std::array<std::string_view, 2> library_parts =
      {};                            ///< how the names of its files begin: "libtorch", "libc10"
  const char* variable = nullptr;    ///< of the environment, names its folder: "HOLISAFE_TORCH_DIR"
  const char* below = nullptr;       ///< where in that folder the files lie: "lib"
  const char* built_with = nullptr;  ///< the folder that it was built with; nullptr: without
  const char* hint = nullptr;  ///< what the folder is: "the folder torch of the wheel, which holds lib/"
  bool shares_names = false;   ///< whether the names in both are for modules loaded later
};

/// Loads a module's library and the module, which lies beside the program in a build folder and under lib/
/// when installed; gives what its function `entry` returns. The library is looked for in the folder that the
/// environment names, beside the module, and where it was built. Not thread-safe; the caller keeps the
/// result. Errors: unsupported (no module), not_found (no library), internal (it does not load).
Result<const void*> load_module(const Module& module, const char* entry);

}  // namespace holisafe
