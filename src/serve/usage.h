// What an answer of the upstream says of its cost.
#pragma once

#include <cstdint>
#include <optional>

#include "serve/request.h"

namespace holisafe::serve {

struct Tokens {
  std::uint64_t prompt = 0;
  std::uint64_t completion = 0;
};

/// Of the `usage` of an answer or an event; none unless both counts are there.
std::optional<Tokens> tokens_of(const Json& answer);

}  // namespace holisafe::serve
