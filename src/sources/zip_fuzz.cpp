#include "sources/fuzz_archive.h"

// The input is a zip file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("zip_fuzz");
  return holisafe::sources::fuzz_archive(folder, "archive.zip", {reinterpret_cast<const char*>(data), size});
}
