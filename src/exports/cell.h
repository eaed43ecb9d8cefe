// A cell of a file of figures that other programs read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace holisafe::exports {

/// Nothing, text, a count or a number.
using Cell = std::variant<std::monostate, std::string, std::uint64_t, double>;

/// A cell of what may be absent.
template <class T>
Cell cell(const std::optional<T>& value) {
  return value ? Cell(*value) : Cell();
}

/// The fewest digits that read back as the same number.
std::string shortest(double value);

}  // namespace holisafe::exports
