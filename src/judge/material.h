// What is put before a judge: texts of others, which must not carry a verdict to it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace holisafe::judge {

/// `text` with every tag of a verdict (`<label` and `</label`, in any case of letters and with blanks inside)
/// made harmless and visible: its `<` becomes `‹`. So does the first character of each `key`, where that is
/// not empty: what a protocol's own reading looks for.
std::string defused(std::string_view text, std::string_view key = {});

/// The same of those tags and keys alone of which `chosen` says so, by their bytes [begin, end) in `text`; of
/// a tag these reach to the end of its name.
using ChosenTag = std::function<bool(std::size_t begin, std::size_t end)>;
std::string defused(std::string_view text, std::string_view key, const ChosenTag& chosen);

/// How a defused tag begins.
inline constexpr std::string_view defused_bracket = "\xe2\x80\xb9";  // ‹

}  // namespace holisafe::judge
