#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "judge/author_forms.h"
#include "judge/material.h"

namespace {

/// What a judge answered, or a text that it repeats: once defused it says nothing, alone or behind other
/// words.
template <typename Read>
void check(std::string_view text, Read read, holisafe::judge::KeyAt key_at) {
  read(text);
  const std::string inert = holisafe::judge::defused(text, key_at);
  if (read(inert) || read("I read:\n" + inert)) std::abort();
  if (holisafe::judge::defused(inert, key_at) != inert) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe::judge;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, read_label_number, label_number_at);
  check(text, read_safe_word, safe_word_at);
  check(text, read_safety_judgement, safety_judgement_at);
  return 0;
}
