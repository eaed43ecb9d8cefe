#include "engine/device.h"

#include <charconv>
#include <fstream>
#include <string_view>
#include <thread>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checkpoint/dtype.h"
#include "engine/boundary.h"
#include "models/dtype.h"
#include "nn/vector_set.h"

namespace holisafe::engine {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string vector_instructions() {
#if defined(__x86_64__)
  std::string out;
  const auto add = [&out](bool there, const char* word) {
    if (there) out += std::string(out.empty() ? "" : " ") + word;
  };
  add(__builtin_cpu_supports("avx2") != 0, "AVX2");
  add(__builtin_cpu_supports("fma") != 0, "FMA");
  add(__builtin_cpu_supports("avx512f") != 0, "AVX-512");
  add(__builtin_cpu_supports("avx512bf16") != 0, "AVX512-BF16");
  return out.empty() ? "no AVX2" : out;
#elif defined(__aarch64__)
  return "NEON";
#else
  return "vector instructions unknown";
#endif
}

/// Only the CPU part of LibTorch is linked; its CUDA part registers itself when loaded.
void load_cuda() {
  static void* const library = ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  static_cast<void>(library);
}

}  // namespace

Error torch_error(const std::string& what, const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      text.find("can't allocate memory") != std::string::npos;
  return {memory ? ErrorKind::out_of_memory : ErrorKind::internal, what, "", text};
}

Result<torch::ScalarType> parse_dtype(const std::string& text) {
  if (const auto dtype = checkpoint::parse_computed(text)) return models::torch_type(*dtype);
  return fail(ErrorKind::usage, "no such dtype", text,
              fmt::format("expected one of {}", fmt::join(checkpoint::computed_words(), ", ")));
}

std::string name(torch::ScalarType type) {
  const auto dtype = models::file_dtype(type);
  return dtype ? std::string(checkpoint::word(*dtype)) : c10::toString(type);
}

Result<torch::Device> parse_device(const std::string& text) {
  if (text == "cpu") return torch::Device(torch::kCPU);
  int index = 0;
  const std::string_view number = std::string_view(text).substr(std::min<std::size_t>(text.size(), 5));
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), index);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == number.data() + number.size() && index >= 0;
  if (text != "cuda" && !(text.starts_with("cuda:") && whole))
    return fail(ErrorKind::usage, "no such device", text, "expected cpu, cuda or cuda:N");
  load_cuda();
  if (!at::globalContext().hasCUDA())
    return fail(ErrorKind::unsupported, "cannot use device", text,
                "expected a GPU and a LibTorch with CUDA, found none");
  // NOLINTNEXTLINE(bugprone-signed-char-misuse): a number of GPUs, which LibTorch keeps in a byte
  const int count = at::detail::getCUDAHooks().deviceCount();
  if (index >= count)
    return fail(ErrorKind::unsupported, "cannot use device", text,
                fmt::format("expected one of {} GPUs, found no number {}", count, index));
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index));
}

Result<void> check_computes(torch::ScalarType type, torch::Device device) {
  if (type != torch::kFloat16 || !device.is_cpu()) return {};
  return fail(ErrorKind::unsupported, "cannot compute in this dtype on a CPU", name(type),
              "expected float32 or bfloat16; weights stored in 16 bits stay so in either");
}

std::string hardware(torch::Device device) {
  const auto count = [](auto number, const char* one, const char* several) {
    return fmt::format("{} {}", number, number == 1 ? one : several);
  };
  const std::string found = fmt::format("{}, {}, {}", processor_name(),
                                        count(std::thread::hardware_concurrency(), "processor", "processors"),
                                        vector_instructions());
  const std::string threads = count(at::get_num_threads(), "thread", "threads");
  if (device.is_cuda())
    return fmt::format("{}; used: GPU {}, {}", found, static_cast<int>(device.index()), threads);
  return fmt::format("{}; used: {}, {} kernels", found, threads, nn::name(nn::vector_set()));
}

ThreadScope::ThreadScope(int count) {
  if (count <= 0 || at::get_num_threads() == count) return;
  before_ = at::get_num_threads();
  at::set_num_threads(count);
}

ThreadScope::~ThreadScope() {
  if (before_ > 0) at::set_num_threads(before_);
}

}  // namespace holisafe::engine
