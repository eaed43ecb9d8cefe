#include <cstdint>
#include <cstdlib>

#include "fuzz/input_folder.h"
#include "guard/file.h"

// The input is a guard's plug-in file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("guard_fuzz");
  const auto path = folder.write("guard.safetensors", {reinterpret_cast<const char*>(data), size});
  if (const auto read = holisafe::guard::read(path)) {
    if (read->info().hidden_size <= 0) std::abort();
  }
  return 0;
}
