// Memory of large tensors. glibc gives what a layer computed back to the system when it is freed, and the
// next layer waits for the same pages to be cleared again (a quarter of a long prompt's time); or, told to
// keep them, it cuts them into pieces that fit nothing, and a third more memory is held.
#pragma once

#include <cstddef>

namespace holisafe::nn {

/// From now on tensors on the CPU that take this much have blocks of their own, in huge pages where the
/// system has them; a block that was freed serves the next tensor of about its size.
inline constexpr std::size_t large_tensor_bytes = std::size_t{1} << 20;
/// So much of freed blocks is kept; beyond it those freed longest ago go back to the system.
inline constexpr std::size_t kept_tensor_bytes = std::size_t{128} << 20;

/// Makes LibTorch take the memory of large tensors so, for the rest of the process. Smaller ones stay with
/// its own allocator. Called once, before there are threads; tensors that exist already are not concerned.
/// Allocating is thread-safe and throws std::bad_alloc, as LibTorch's own does its error.
void reuse_tensor_memory();

/// What is kept of freed blocks now, in bytes.
std::size_t kept_tensor_memory();

}  // namespace holisafe::nn
