// A command as a user could type it again.
#pragma once

#include <string>
#include <string_view>

namespace holisafe::cli {

/// A word of a shell's command: as it is, or in quotes where a shell would read more into it.
std::string shell_word(std::string_view word);

}  // namespace holisafe::cli
