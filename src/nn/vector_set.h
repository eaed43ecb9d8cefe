// Which vector instructions the kernels of this layer use; found at run time, once.
#pragma once

#include <string_view>

namespace holisafe::nn {

/// Vector instructions that a kernel is written for: none (plain C++), AVX2 with FMA and F16C, AVX-512F, and
/// with it AVX512-BF16 and AMX for bfloat16.
enum class VectorSet { none, avx2, avx512, amx };

/// The best that this processor has. Thread-safe.
VectorSet vector_set();

/// "plain", "AVX2", "AVX-512" or "AMX", for messages.
std::string_view name(VectorSet set);

}  // namespace holisafe::nn
