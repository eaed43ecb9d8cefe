// Where a text stops being JSON: the parser says that a document is bad, this says at which byte and why.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holisafe::dataset {

/// Nesting deeper than this is refused, here and by the parser.
inline constexpr std::size_t max_json_depth = 1024;

struct JsonFault {
  ErrorKind kind = ErrorKind::malformed;  ///< malformed, truncated, invalid_utf8 or too_large (depth)
  std::size_t offset = 0;                 ///< byte, from 0; the text's size where it ends too early
  std::string detail;                     ///< "expected X, found Y"
};

/// The first fault of `text` read as one JSON value (RFC 8259) with nothing but white space around it, or
/// nothing if there is none. Time linear, memory constant.
std::optional<JsonFault> find_json_fault(std::string_view text);

}  // namespace holisafe::dataset
