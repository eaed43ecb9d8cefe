#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "judge/prompt.h"

// The input is a prompt file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using holisafe::judge::FieldNames;
  constexpr std::array<FieldNames, 2> fields{{{"query", "question"}, {"response", ""}}};
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto prompt = holisafe::judge::PromptTemplate::parse(text, "fuzz", fields);
  if (!prompt) return 0;
  const std::array<std::string, 2> values{"{response}", "an answer that stands in no template {query}"};
  if (prompt->text() != text) std::abort();
  const auto filled = prompt->fill(values);
  if (filled.text.find(values[1]) == std::string::npos) std::abort();
  for (const auto& place : filled.places) {
    if (filled.text.substr(place.begin, place.end - place.begin) != values[place.field]) std::abort();
  }
  return 0;
}
