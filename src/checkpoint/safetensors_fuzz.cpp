#include <cstddef>
#include <cstdint>

#include "checkpoint/safetensors.h"
#include "fuzz/input_folder.h"

// The reader maps files, so each input becomes one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("safetensors_fuzz");
  const auto path = folder.write("model.safetensors", {reinterpret_cast<const char*>(data), size});
  if (const auto read = holisafe::checkpoint::SafetensorsFile::open(path)) {
    // Every byte that a view claims must be there to read.
    for (const auto& view : read->tensors()) {
      for (const std::byte byte : view.bytes) {
        const volatile std::byte there = byte;
        static_cast<void>(there);
      }
    }
  }
  return 0;
}
