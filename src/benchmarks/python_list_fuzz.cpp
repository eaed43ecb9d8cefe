#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "benchmarks/python_list.h"

// The input is a Python list printed as text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = holisafe::benchmarks::read_python_list(text);
  if (!list) return 0;
  std::size_t bytes = 0;
  for (const auto& each : *list) bytes += each.size() + 2;  // its quotes
  if (bytes + 2 > size) std::abort();
  return 0;
}
