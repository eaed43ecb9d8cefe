// What a file system says of a file that a guard run names.
#pragma once

#include <optional>
#include <string>

#include "verdicts/guard_store.h"

namespace holisafe::runs {

/// Of the file that links lead to; nothing where it cannot be looked at, or is not there.
std::optional<verdicts::FileStamp> stamp_of(const std::string& path);

/// Whether it is certain that there is no file of this name.
bool is_gone(const std::string& path);

}  // namespace holisafe::runs
