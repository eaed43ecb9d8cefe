// How wide text is in DejaVu Sans, the font that figures are laid out for: Debian's fontconfig brings it, and
// what a reader may have instead (Verdana, Helvetica, Arial) is no wider.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holisafe::figures {

inline constexpr std::string_view font_name = "DejaVu Sans";

/// In the unit of `size`. Characters outside ASCII are taken to be as wide as the widest of their kind.
double text_width(std::string_view text, double size);

/// The text, cut between characters and ended with "…" where it is wider than `most`.
std::string fitted(std::string_view text, double size, double most);

/// The text broken at spaces into lines of at most `most`, but for words that are wider.
std::vector<std::string> wrapped(std::string_view text, double size, double most);

}  // namespace holisafe::figures
