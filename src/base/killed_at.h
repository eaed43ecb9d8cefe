// For tests: processes that are killed in the middle of changing the file system.
#pragma once

#include <atomic>

namespace holisafe {

/// Calls that change the file system are counted in this layer's test program; before the one with this
/// number the process is killed, as by the system. 0: none.
extern std::atomic<int> killed_at;

}  // namespace holisafe
