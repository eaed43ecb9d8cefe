#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "http/query.h"

// The input is what stands behind a target's question mark: what is read of it is text, and no longer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query = holisafe::http::read_query({reinterpret_cast<const char*>(data), size});
  if (!query) return 0;
  std::size_t held = 0;
  for (const auto& [name, value] : *query) {
    if (!holisafe::is_utf8(name) || !holisafe::is_utf8(value)) std::abort();
    held += name.size() + value.size();
  }
  if (held > size) std::abort();
  return 0;
}
