// What tells a changed file from one that was not, as the file system has it.
#pragma once

#include <cstdint>

#include <sys/stat.h>

#include "verdicts/guard_store.h"

namespace holisafe::verdicts {

inline constexpr std::int64_t nanoseconds = 1'000'000'000;  ///< of a second

inline FileStamp stamp(const struct stat& status) {
  return {status.st_size, status.st_mtim.tv_sec * nanoseconds + status.st_mtim.tv_nsec};
}

}  // namespace holisafe::verdicts
