// Where and in which type a model computes, by the names that flags have.
#pragma once

#include <string>

#include "base/result.h"
#include "nn/tensor.h"

namespace holisafe::engine {

/// "float32", "bfloat16", "float16" (or f32, bf16, f16). Errors: usage (names the known ones).
Result<torch::ScalarType> parse_dtype(const std::string& text);
std::string name(torch::ScalarType type);

/// "cpu", "cuda" or "cuda:N". LibTorch's CUDA part is loaded when it is first asked for. Errors: usage
/// (another name), unsupported (no CUDA in this LibTorch, or no such GPU).
Result<torch::Device> parse_device(const std::string& text);

/// Whether a model computes in `type` on `device`. Errors: unsupported (float16 on a CPU, which no processor
/// computes in: it would be emulated, several times slower than float32, and overflows; names those that
/// work).
Result<void> check_computes(torch::ScalarType type, torch::Device device);

/// What the machine has, found at run time, and what is used of it, in a line: processor, vector
/// instructions; threads and those of the kernels; the GPU where that is the device.
std::string hardware(torch::Device device);

/// For as long as it lives, operations that this thread starts run on `count` threads of the CPU; 0 leaves
/// what there is.
class ThreadScope {
 public:
  explicit ThreadScope(int count);
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;
  ~ThreadScope();

 private:
  int before_ = 0;  ///< 0: nothing was changed
};

}  // namespace holisafe::engine
