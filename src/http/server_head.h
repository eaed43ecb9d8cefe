// The head of an answer as it goes out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "http/server.h"

namespace holisafe::http {

/// How the body that follows is told from what comes after it.
struct Framing {
  std::optional<std::size_t> length = {};  ///< a Content-Length
  bool chunked = false;
  bool keeps = true;   ///< the connection
  bool http11 = true;  ///< what the client speaks
};

/// Status line, headers, Date, what the framing needs, and the empty line. Headers that would say something
/// else about the framing are left out; control characters in a header become spaces.
std::string answer_head(int status, const Headers& headers, const Framing& framing);

/// Whether an answer of this status has a body at all.
bool has_body(int status);

}  // namespace holisafe::http
