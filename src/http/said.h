// What a server said in a body that holds no answer, as a message shows it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe::http {

/// The most bytes of a body that a message shows.
inline constexpr std::size_t most_shown = 300;

/// `text` with the escapes of JSON's strings undone, once: `\u002b`, `\/`, `\"`. Escaped control characters
/// become blanks.
std::string unescaped(std::string_view text);

/// Whether a body is a page of HTML or another document of markup.
bool is_page(std::string_view body);
/// `an HTML page "TITLE"`. Uncut: what could be a key's part goes first.
std::string page_name(std::string_view body);

}  // namespace holisafe::http
