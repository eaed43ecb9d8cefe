// What an export left out, told.
#pragma once

#include <vector>

#include "exports/source.h"

namespace holisafe::cli {

/// On stderr, one line a reason.
void say_left_out(std::vector<exports::LeftOut> left_out);

}  // namespace holisafe::cli
