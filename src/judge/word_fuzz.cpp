#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "judge/word.h"

// The input is what a judge answered.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::string_view, 4> words{"true", "false", "safe", "unsafe"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto said = holisafe::judge::read_word(text, words);
  if (said.word ? *said.word >= words.size() : said.reason.empty()) std::abort();
  if (said.word && !said.tagged) std::abort();
  return 0;
}
