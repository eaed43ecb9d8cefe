#include "cli/command_words.h"

#include <algorithm>

namespace holisafe::cli {

std::string shell_word(std::string_view word) {
  const auto plain = [](char c) {
    constexpr std::string_view signs = "_./:=@%+,-";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           signs.find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace holisafe::cli
