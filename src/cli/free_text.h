// Options whose value is text that may be empty.
#pragma once

namespace holisafe::cli {

/// Their type name (`->type_name(free_text)`). An empty value of any other option of a word, such as a file
/// or an address, is a usage error: `--html "$unset"` must not pass for no --html.
inline constexpr const char* free_text = "WORDS";

}  // namespace holisafe::cli
