// Guards measured on the same images, for the terminal.
#pragma once

#include <span>
#include <string>

#include "report/guard_bench_sections.h"

namespace holisafe::cli {

/// A row a guard in percent, then published ones on request.
std::string guards_table(std::span<const report::MeasuredGuard> guards, bool published);

}  // namespace holisafe::cli
