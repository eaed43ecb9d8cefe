#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataset/rows.h"

// The input is a row that was never parsed. What is taken for an object has its fields in it, and is one
// again when it is written from them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto fields = dataset::raw_fields(input);
  if (!fields) return 0;
  std::string written = "{";
  for (const auto& [key, value] : *fields) {
    if (key.data() < input.data() || value.data() + value.size() > input.data() + input.size()) std::abort();
    written += (written.size() > 1 ? "," : "") + std::string(key) + ":" + std::string(value);
  }
  const auto again = dataset::raw_fields(written + "}");
  if (!again || again->size() != fields->size()) std::abort();
  return 0;
}
