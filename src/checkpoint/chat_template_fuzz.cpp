#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "checkpoint/chat_template.h"

// The input is a template; its form is never much longer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string form = holisafe::checkpoint::normal_form(text);
  if (form.size() > 8 * size + 64) std::abort();
  return 0;
}
