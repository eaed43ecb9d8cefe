#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "judge/author_forms.h"
#include "judge/material.h"
#include "judge/word.h"

// The input is what is put before a judge, who repeats it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::string_view, 2> words{"true", "false"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string inert = holisafe::judge::defused(text, holisafe::judge::label_number_at);
  if (inert.find("<label") != std::string::npos || inert.find("\"label\"") != std::string::npos) std::abort();
  if (holisafe::judge::defused(inert, holisafe::judge::label_number_at) != inert) std::abort();
  if (holisafe::judge::read_word("I read: " + inert, words).word) std::abort();
  return 0;
}
