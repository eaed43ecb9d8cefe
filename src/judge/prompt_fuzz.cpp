#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "judge/prompt.h"

// The input is a prompt file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto prompt = holisafe::judge::PromptTemplate::parse(text, "fuzz");
  if (!prompt) return 0;
  constexpr std::string_view answer = "an answer that stands in no template {query}";
  if (prompt->text() != text) std::abort();
  if (prompt->fill({.query = "{response}", .response = answer}).find(answer) == std::string::npos)
    std::abort();
  return 0;
}
