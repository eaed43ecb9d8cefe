// Lists of strings as Python prints them: `['a', "it's", 'tab\there']`, the form MMMU keeps its choices in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::benchmarks {

/// The strings of a Python list literal, with white space around it and a comma behind its last string
/// allowed. Escapes as in Python: \\ \' \" \a \b \f \n \r \t \v, octal, \x, \u, \U, and a line end that is
/// left out; before any other character the backslash stays. Errors, with the byte: malformed, truncated, and
/// unsupported (\N{…}; strings of another kind, with a prefix or in three quotes; half a surrogate pair).
Result<std::vector<std::string>> read_python_list(std::string_view text);

}  // namespace holisafe::benchmarks
