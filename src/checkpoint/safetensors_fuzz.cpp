#include <cstdint>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "checkpoint/safetensors.h"

// The reader maps files, so each input becomes one, in memory.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path = "/dev/shm/holisafe_safetensors_fuzz_" + std::to_string(::getpid());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::abort();
  std::fwrite(data, 1, size, file);
  std::fclose(file);
  if (const auto read = holisafe::checkpoint::SafetensorsFile::open(path)) {
    std::size_t sum = 0;
    for (const auto& view : read->tensors()) {
      for (const std::byte byte : view.bytes) sum += static_cast<std::size_t>(byte);
    }
    static volatile std::size_t sink;
    sink = sum;
  }
  return 0;
}
