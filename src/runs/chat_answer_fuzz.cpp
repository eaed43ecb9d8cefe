#include <cstdint>
#include <string_view>

#include "runs/chat_format.h"

// The input is what an endpoint answered: as a good response, then as the body of an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(holisafe::runs::chat_answer(body));
  static_cast<void>(holisafe::runs::content_filter_code(body));
  return 0;
}
