// Type names of options, where the plain "TEXT" does not say enough: help shows them, completions offer what
// they stand for.
#pragma once

namespace holisafe::cli {

/// Text that may be empty. An empty value of any other option of a word, such as a file or an address, is a
/// usage error: `--html "$unset"` must not pass for no --html.
inline constexpr const char* free_text = "WORDS";
/// A folder, never a file.
inline constexpr const char* folder_type = "DIR";

}  // namespace holisafe::cli
