// What tests of the kernels share.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/tensor.h"
#include "nn/vector_set.h"

namespace holisafe::nn {

/// Every set of vector instructions that this machine can run, not the best alone.
inline std::vector<VectorSet> sets_here() {
  std::vector<VectorSet> out{VectorSet::none};
  if (vector_set() != VectorSet::none) out.push_back(VectorSet::avx2);
  if (vector_set() == VectorSet::avx512) out.push_back(VectorSet::avx512);
  return out;
}

inline torch::Tensor random_floats(at::IntArrayRef sizes, std::uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed),
                   torch::TensorOptions().dtype(torch::kFloat32));
}

}  // namespace holisafe::nn
