// What stands behind the `?` of a request's target.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holisafe::http {

/// Names and values in their order, decoded.
using Query = std::vector<std::pair<std::string, std::string>>;

/// `name=value` between ampersands, as browsers send forms: `+` is a space, `%41` a byte; a name alone has
/// an empty value. Nothing where a `%` has no two hexadecimal digits behind it, or what comes out is not
/// UTF-8.
std::optional<Query> read_query(std::string_view text);

}  // namespace holisafe::http
