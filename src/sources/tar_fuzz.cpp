#include "sources/fuzz_archive.h"

// The input is a tar file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("tar_fuzz");
  return holisafe::sources::fuzz_archive(folder, "archive.tar", {reinterpret_cast<const char*>(data), size});
}
