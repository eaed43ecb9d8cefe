// What others threw, as an error.
#pragma once

#include <string>

#include "base/error.h"

namespace holisafe::schedule {

/// Inside a catch block: internal, or out_of_memory where an allocation failed.
Error caught(std::string what);

}  // namespace holisafe::schedule
