#include "serve/usage.h"

namespace holisafe::serve {

std::optional<Tokens> tokens_of(const Json& answer) {
  const auto usage = answer.find("usage");
  if (usage == answer.end() || !usage->is_object()) return std::nullopt;
  const auto prompt = usage->find("prompt_tokens");
  const auto completion = usage->find("completion_tokens");
  for (const auto& count : {prompt, completion})
    if (count == usage->end() || !count->is_number_unsigned()) return std::nullopt;
  return Tokens{prompt->get<std::uint64_t>(), completion->get<std::uint64_t>()};
}

}  // namespace holisafe::serve
