// What is put before a judge: texts of others, which must not carry a verdict to it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace holisafe::judge {

/// Bytes of what a protocol's own reading of a verdict looks for, where that begins at `at`; else 0.
using KeyAt = std::size_t (*)(std::string_view text, std::size_t at);

/// `text` with every tag of a verdict (`<label` and `</label`, in any case of letters and with blanks inside)
/// made harmless and visible: its `<` becomes `‹`. So does the first character of each key that `key_at`,
/// where given, finds.
std::string defused(std::string_view text, KeyAt key_at = nullptr);

/// The same of those tags and keys alone of which `chosen` says so, by their bytes [begin, end) in `text`; of
/// a tag these reach to the end of its name.
using ChosenTag = std::function<bool(std::size_t begin, std::size_t end)>;
std::string defused(std::string_view text, KeyAt key_at, const ChosenTag& chosen);

/// How a defused tag begins.
inline constexpr std::string_view defused_bracket = "\xe2\x80\xb9";  // ‹

}  // namespace holisafe::judge
