// Words that let somebody in: made so that nobody can guess them, compared so that nobody can measure them.
#pragma once

#include <cstddef>
#include <string>

#include "base/hash.h"

namespace holisafe::http {

/// So many letters and digits out of the system's random numbers.
std::string random_token(std::size_t characters);

/// Takes as long for every pair. What is compared are hashes, so that lengths do not show either.
bool is_same(const Digest& one, const Digest& other);

}  // namespace holisafe::http
