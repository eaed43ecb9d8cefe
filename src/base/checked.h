// Arithmetic on sizes that come from files: every step is checked, nothing wraps.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>

namespace holisafe {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_multiply(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// Product of all factors (1 when there are none), or nothing if it does not fit. A zero factor does not hide
/// an overflow.
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_product(std::span<const T> factors) {
  T out = 1;
  for (const T factor : factors) {
    const auto next = checked_multiply(out, factor);
    if (!next) return std::nullopt;
    out = *next;
  }
  return out;
}

/// The value in another integer type, or nothing if it does not fit.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> checked_cast(From value) {
  To out{};
  if (__builtin_add_overflow(value, From{0}, &out)) return std::nullopt;
  return out;
}

}  // namespace holisafe
