// JSON as the commands print it, and as files of one object a line hold it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holisafe {

/// One line that cannot steer a terminal: characters that would are `\uXXXX` (base/text.h). Bytes that are
/// not UTF-8 become U+FFFD.
std::string json_line(const nlohmann::ordered_json& document);

}  // namespace holisafe
