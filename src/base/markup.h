// Characters that HTML and XML give a meaning.
#pragma once

#include <string_view>

namespace holisafe {

/// What stands for such a character in text and in values between double quotes; empty: the character itself.
constexpr std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return {};
  }
}

}  // namespace holisafe
