#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "judge/answer.h"

// The input is what a model sent.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto answer = holisafe::judge::answer_in(text);
  if (!answer) return 0;
  if (answer->empty() || !text.ends_with(*answer) || holisafe::judge::holds_reasoning(*answer)) std::abort();
  if (holisafe::judge::answer_in(*answer) != answer) std::abort();
  if (!holisafe::judge::holds_reasoning(text) && answer->size() != text.size()) std::abort();
  return 0;
}
